/* Stands in for a program that never ends, whatever it is started with. */
#include <unistd.h>

int main(void)
{
	for (;;) {
		(void)pause();
	}
}
