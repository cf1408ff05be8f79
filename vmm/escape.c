/* SPDX-License-Identifier: Apache-2.0 */
/* See escape.h. */
#include "escape.h"

#define CTRL_A 0x01

const char escape_help[] = "\r\n"
			   "Ctrl-A X   end minivmm\r\n"
			   "Ctrl-A H   this help\r\n"
			   "Ctrl-A A   send Ctrl-A to the guest\r\n";

size_t escape_filter(struct escape *escape, uint8_t *buf, size_t len, unsigned int *events)
{
	size_t kept = 0;

	*events = 0;
	for (size_t i = 0; i < len; i++) {
		if (!escape->pending) {
			escape->pending = buf[i] == CTRL_A;
			if (!escape->pending)
				buf[kept++] = buf[i];
			continue;
		}
		escape->pending = false;
		switch (buf[i]) {
		case CTRL_A:
		case 'a':
		case 'A': buf[kept++] = CTRL_A; break;
		case 'h':
		case 'H':
		case '?': *events |= ESCAPE_HELP; break;
		case 'x':
		case 'X': *events |= ESCAPE_QUIT; return kept;
		}
	}
	return kept;
}
