/* A program that is no Python. */
#include <unistd.h>

int main(void) {
	for (;;)
		pause();
}
