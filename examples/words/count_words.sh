#!/bin/sh
# Counts words: those of its standard input, or of one request after the other.
[ -z "$DRAKKAR_PROTOCOL" ] && exec wc -w
set -f # a `*` in a text is a word, not a list of files
while IFS= read -r line; do
    id=${line#*'"id":'} text=${line#*'"stdin":"'}
    # `\n`, `\t` and the like of JSON are those of printf.
    set -- $(printf '%b' "${text%'"'*}")
    printf '{"id":%s,"stdout":"%s"}\n' "${id%%,*}" "$#"
done
