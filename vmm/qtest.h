/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's qtest line protocol, as a function of bytes: requests go in through qtest_input, everything else is callbacks. No
 * socket, no machine, no clock in here; accel_qtest.c puts them behind it.
 *
 * A client sends one command a line, words parted by single spaces, numbers as strtoull reads them with base 0. Each line is
 * answered by one line, "OK", "OK VALUE", "FAIL why" (cannot be had) or "ERR why" (not understood; QEMU aborts there); lines
 * "IRQ raise N" and "IRQ lower N", N an SPI, may come before the answer. Words more than a command takes are ignored.
 *
 *	readb|readw|readl|readq ADDR			OK 0x%016x
 *	writeb|writew|writel|writeq ADDR VALUE		OK
 *	read ADDR SIZE					OK 0x and two digits a byte
 *	write ADDR SIZE 0xDATA				OK; zeros follow data that is too short
 *	b64read ADDR SIZE, b64write ADDR SIZE DATA	OK DATA, OK
 *	memset ADDR SIZE VALUE				OK
 *	inb|inw|inl PORT, outb|outw|outl PORT VALUE	OK 0x%04x all ones, OK: there is no port I/O
 *	clock_step [NS]					OK NOW; without NS to the next timer
 *	clock_set NS					OK NOW, or FAIL NOW when that is not NS
 *	irq_intercept_in DEVICE				OK: from now on tells the levels of its inputs
 *	irq_intercept_out DEVICE [NAME]			FAIL: no device here has outputs to listen to
 *	set_irq_in DEVICE unnamed-gpio-in N LEVEL	OK
 *	endianness					OK little
 */
#ifndef MINIVMM_QTEST_H
#define MINIVMM_QTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/util.h"

#define QTEST_MAX_DATA (16 * MiB) /* bytes that one command may move */
#define QTEST_MAX_LINE (2 * QTEST_MAX_DATA + 1 * KiB)
#define QTEST_IRQS     256 /* SPIs */
#define QTEST_OUT      4096

struct qtest_ops {
	/* One access of 1, 2, 4 or 8 bytes: little endian, 0 where nothing is. */
	uint64_t (*read)(void *opaque, uint64_t addr, unsigned int size);
	void (*write)(void *opaque, uint64_t addr, unsigned int size, uint64_t value);
	/* As many accesses as it takes. */
	void (*read_bytes)(void *opaque, uint64_t addr, uint8_t *buf, size_t len);
	void (*write_bytes)(void *opaque, uint64_t addr, const uint8_t *buf, size_t len);
	/* The clock in ns; the earliest timer, UINT64_MAX if none is armed. */
	uint64_t (*now)(void *opaque);
	uint64_t (*deadline)(void *opaque);
	/* Moves the clock there, running timers at their time. It may stop earlier, when they do not come to an end. */
	void (*advance)(void *opaque, uint64_t ns);
	/* Lets devices work until they have nothing to do. false: the server is to end, no more lines are looked at. */
	bool (*settle)(void *opaque);
	/* Is this a name of the interrupt controller? */
	bool (*is_gic)(void *opaque, const char *name);
	/* Takes all of it, now; qtest_irq may be called meanwhile. */
	void (*send)(void *opaque, const char *text, size_t len);
};

struct qtest {
	const struct qtest_ops *ops;
	void *opaque;
	char *line; /* what came of a line that has not ended; QTEST_MAX_LINE at most */
	size_t line_len, line_room;
	bool too_long; /* the rest of this line is dropped */
	bool replying; /* in the middle of a line to the client */
	bool intercepting; /* irq_intercept_in was called */
	bool level[QTEST_IRQS], told[QTEST_IRQS]; /* since then; the client knows told */
	size_t out_len;
	char out[QTEST_OUT];
};

void qtest_init(struct qtest *q, const struct qtest_ops *ops, void *opaque);
void qtest_destroy(struct qtest *q);

/* Bytes from the client, in any portions. false: settle said that this is the end. */
bool qtest_input(struct qtest *q, const char *bytes, size_t len);

/*
 * The level of SPI num was set. The client hears of it when it is not what it heard last; at once, or where that is not
 * possible before the next answer. Never sends.
 */
void qtest_irq(struct qtest *q, uint32_t num, bool level);
/* Sends what qtest_irq left. */
void qtest_flush(struct qtest *q);

#endif
