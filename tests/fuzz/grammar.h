/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structured language: an input is a list of sentences of one length, each a thing that drivers do, well or with one thing wrong.
 * Registers are those of the target's table by their number, features those of virtio and of the device, requests the device's own:
 * a mutation makes another sentence, not noise.
 *
 *	byte 0	FUZZ_GRAMMAR
 *	byte 1	how guest memory and the world are: enum fuzz_raw_mode without FUZZ_RAW_FEED
 *	then	sentences of FUZZ_SENTENCE bytes: the verb, and what it takes (grammar.c); bytes that make no whole one are left out
 */
#ifndef MINIVMM_FUZZ_GRAMMAR_H
#define MINIVMM_FUZZ_GRAMMAR_H

#include <stddef.h>
#include <stdint.h>

/* Of all first bytes the one that the raw language does without. */
#define FUZZ_GRAMMAR	    0x47
#define FUZZ_GRAMMAR_HEADER 2
#define FUZZ_SENTENCE	    8

enum fuzz_verb {
	FUZZ_HANDSHAKE,
	FUZZ_BRING_UP,
	FUZZ_QUEUE,
	FUZZ_REQUEST,
	FUZZ_CHAIN,
	FUZZ_KICK,
	FUZZ_SET_REGISTER,
	FUZZ_GET_REGISTER,
	FUZZ_QUEUE_REGISTER,
	FUZZ_STATUS,
	FUZZ_PLACE,
	FUZZ_TICK,
	FUZZ_WORLD,
	FUZZ_RING,
	FUZZ_QUEUE_AGAIN,
	FUZZ_WINDOW,
	FUZZ_MOVE_BAR,
	FUZZ_VERBS,
};

/* As fuzz_raw_run; data begins with FUZZ_GRAMMAR. */
void fuzz_grammar_run(const uint8_t *data, size_t size);

#endif
