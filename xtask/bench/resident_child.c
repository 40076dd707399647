/* Answers each request with its input, four bytes of length before each frame: the cheapest resident program there is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char in[1 << 16], out[1 << 16];

static uint32_t number(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void put(char *at, uint32_t n) {
    at[0] = (char)(n >> 24), at[1] = (char)(n >> 16), at[2] = (char)(n >> 8), at[3] = (char)n;
}

int main(void) {
    size_t held = 0;
    ssize_t count;
    while ((count = read(0, in + held, sizeof in - held)) > 0) {
        held += count;
        size_t at = 0, made = 0;
        while (held - at >= 4 && held - at - 4 >= number(in + at)) {
            uint32_t length = number(in + at);
            const char *body = in + at + 4;
            uint32_t head = number(body + 8), input = length - 12 - head;
            put(out + made, 16 + input);
            memcpy(out + made + 4, body, 8);
            put(out + made + 12, 0);
            put(out + made + 16, input);
            memcpy(out + made + 20, body + 12 + head, input);
            made += 20 + input;
            at += 4 + length;
        }
        memmove(in, in + at, held - at);
        held -= at;
        for (size_t done = 0; done < made;) {
            ssize_t written = write(1, out + done, made - done);
            if (written <= 0) return 1;
            done += written;
        }
    }
    return count < 0;
}
