#!/usr/bin/env python3
"""Counts words: those of its standard input, or of one request after the other."""
import json, os, sys

def count(text):
    return str(len(text.split()))

if "DRAKKAR_PROTOCOL" not in os.environ:
    sys.exit(print(count(sys.stdin.read())))
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "stdout": count(request["stdin"])}), flush=True)
