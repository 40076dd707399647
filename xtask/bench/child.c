/* Copies its standard input to its standard output: the cheapest useful program there is. */
#include <unistd.h>

int main(void) {
    char buffer[65536];
    ssize_t count;
    while ((count = read(0, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0; done < count;) {
            ssize_t written = write(1, buffer + done, count - done);
            if (written <= 0) return 1;
            done += written;
        }
    }
    return count < 0;
}
