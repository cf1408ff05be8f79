/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw language: any bytes are a trace. Steps are read from the front of an input, what loads find from its end, so that a byte
 * changed in one does not shift the other; they end where they meet.
 *
 *	byte 0	how guest memory is: enum fuzz_raw_mode
 *	byte 1	features that bring-up does not accept: fuzz_raw_left_out
 *	byte 2	queue size, as fuzz_shape_value
 *	byte 3	steps: the opcode in the lower four bits, its variant in the upper; then its operands (raw.c, opcodes)
 *	...
 *	end	loads: see raw_feed.c
 */
#ifndef MINIVMM_FUZZ_RAW_H
#define MINIVMM_FUZZ_RAW_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_RAW_HEADER 3

/* Bits of byte 0. */
enum fuzz_raw_mode {
	FUZZ_RAW_FEED =
		0x03, /* 0: loads find what is there; 1: what the input says, all of them; 2: every third; 3: descriptors and headers */
	FUZZ_RAW_MEMORY = 0x04, /* there is memory at all addresses but the devices' */
	FUZZ_RAW_CHECK = 0x08, /* in the end: does it still work? */
	FUZZ_RAW_READ_ONLY = 0x10, /* the disk */
	FUZZ_RAW_AT_ONCE = 0x20, /* the disk answers at once */
	FUZZ_RAW_COLD = 0x40, /* the device is not brought up before the first step */
	FUZZ_RAW_INTX = 0x80, /* bring-up of a PCI function leaves MSI-X alone */
};

/* Opcodes: the lower four bits of a step's first byte. */
enum fuzz_raw_opcode {
	FUZZ_RAW_WRITE_REG,
	FUZZ_RAW_REQUEST,
	FUZZ_RAW_CHAIN,
	FUZZ_RAW_KICK,
	FUZZ_RAW_DESC,
	FUZZ_RAW_RING,
	FUZZ_RAW_STORE,
	FUZZ_RAW_STATUS,
	FUZZ_RAW_BRING_UP,
	FUZZ_RAW_QUEUE,
	FUZZ_RAW_READ_REG,
	FUZZ_RAW_READ_ANY,
	FUZZ_RAW_WRITE_ANY,
	FUZZ_RAW_CLOCK,
	FUZZ_RAW_HOST,
	FUZZ_RAW_POLICY,
	FUZZ_RAW_OPCODES,
};

/* First bytes of a number that is not shaped: the 4 or 8 bytes behind it are as they are. */
#define FUZZ_RAW_4_BYTES 0xfe
#define FUZZ_RAW_8_BYTES 0xff

/* The statuses that FUZZ_RAW_STATUS writes, by its variant. */
extern const uint8_t fuzz_raw_statuses[];
extern const unsigned int fuzz_raw_status_count;

/* Where an input is being read. */
struct fuzz_raw {
	const uint8_t *at, *end;
};

/* 0 past the end. */
uint8_t fuzz_raw_take(struct fuzz_raw *in);
uint64_t fuzz_raw_value(struct fuzz_raw *in, unsigned int bytes);
/* From the end of it. */
uint8_t fuzz_raw_last(struct fuzz_raw *in);

/* The features that the bits of byte 1 leave out. */
uint64_t fuzz_raw_left_out(uint8_t bits);

/* Resets the machine, runs the input, checks what has to hold. */
void fuzz_raw_run(const uint8_t *data, size_t size);

/* raw_feed.c: from now on loads are fed from the end of the input. */
void fuzz_raw_feed(struct fuzz_raw *in, unsigned int policy);

#endif
