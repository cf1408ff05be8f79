/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that the console keeps for itself, taken out of what is typed before it goes to the guest. A function of bytes and
 * one bit of state: no terminal, no I/O.
 *
 *	Ctrl-A X		ends minivmm
 *	Ctrl-A H, Ctrl-A ?	shows this list
 *	Ctrl-A A, Ctrl-A Ctrl-A	sends one Ctrl-A to the guest
 *
 * Letters in either case. Ctrl-A and any other key send nothing, as in QEMU and picocom: a slip must not reach the guest as
 * a command of its shell's line editor.
 */
#ifndef MINIVMM_ESCAPE_H
#define MINIVMM_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct escape {
	bool pending; /* the last byte was a Ctrl-A; starts false */
};

/* Bits, since one buffer can ask for several things. */
enum escape_event { ESCAPE_QUIT = 1, ESCAPE_HELP = 2 };

/*
 * Filters buf in place. Returns how many bytes are left for the guest and sets *events. Nothing behind a quit is looked at.
 * A sequence may be split over calls.
 */
size_t escape_filter(struct escape *escape, uint8_t *buf, size_t len, unsigned int *events);

/* What Ctrl-A H shows, lines ended by \r\n since it is for a raw terminal. */
extern const char escape_help[];

#endif
