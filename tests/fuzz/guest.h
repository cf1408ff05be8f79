/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's driver that only makes steps of a trace (fuzz_do): brings a virtio device up on either transport and puts chains into
 * its rings. It never waits, checks nothing and believes nothing: after any steps before it does the same ones.
 *
 * Not tests/driver.h, which ends its program when a device is not what it expects.
 */
#ifndef MINIVMM_FUZZ_GUEST_H
#define MINIVMM_FUZZ_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define FUZZ_GUEST_QUEUES 2

/* In guest memory; a queue has its areas at its index times FUZZ_QUEUE_STEP. */
#define FUZZ_DESC	FUZZ_RAM_BASE
#define FUZZ_AVAIL	(FUZZ_RAM_BASE + 0x1000)
#define FUZZ_USED	(FUZZ_RAM_BASE + 0x2000)
#define FUZZ_QUEUE_STEP 0x4000ULL
#define FUZZ_TABLES	(FUZZ_RAM_BASE + 0x10000) /* indirect, 1 KiB each */
#define FUZZ_TABLE_SIZE 0x400
#define FUZZ_DATA	(FUZZ_RAM_BASE + 0x20000)

struct fuzz_guest_queue {
	uint16_t size;
	bool packed, event_idx;
	uint16_t avail,
		next_desc; /* the available index, or a packed position with the wrap counter in bit 15; the next free one */
	uint16_t used; /* how far the used ring was read */
};

struct fuzz_guest {
	uint64_t base; /* of the registers: a virtio-mmio slot, or the BAR of a virtio-pci function */
	bool pci, intx; /* intx: bring-up leaves MSI-X off */
	uint64_t config; /* of a function: its configuration space */
	unsigned int msix_cap; /* offset in there of its MSI-X capability; 0: it has none */
	unsigned int window_cap; /* and of its window into its BARs (VIRTIO_PCI_CAP_PCI_CFG) */
	uint64_t bar[6]; /* where the monitor has put them; 0: there is none */
	uint64_t features;
	struct fuzz_guest_queue queue[FUZZ_GUEST_QUEUES];
};

/* One buffer of a chain. */
struct fuzz_buf {
	uint64_t addr;
	uint32_t len;
	bool write;
};

void fuzz_guest_status(uint8_t status);
/* From reset to DRIVER_OK with what is offered and not in `without`, and every queue there is, of size entries (0: as many as offered). */
void fuzz_guest_bring_up(uint64_t without, uint16_t size);
/* The first part of it: the function's BARs where they were at first, decoded, and its messages set up. */
void fuzz_guest_pci_bring_up(void);
/* An access through the window: a read, or a write of value. */
void fuzz_guest_window(uint8_t bar, uint32_t offset, uint32_t length, bool write, uint32_t value);
/* Writes one of the function's BARs, and the one behind it if it is of 64 bits. */
void fuzz_guest_move_bar(unsigned int bar, uint64_t addr, bool wide);
/* Sets up and enables one queue. */
void fuzz_guest_queue(unsigned int index, uint16_t size);
/* The same once more for one that may be set up already: what was before, and what is wrong with it now. */
struct fuzz_again {
	enum fuzz_again_after { FUZZ_AS_IT_IS, FUZZ_AFTER_QUEUE_RESET, FUZZ_AFTER_NOT_READY, FUZZ_AFTER_RESET } after;
	enum fuzz_again_wrong {
		FUZZ_WRONG_NOTHING,
		FUZZ_WRONG_SIZE,
		FUZZ_WRONG_DESC,
		FUZZ_WRONG_AVAIL,
		FUZZ_WRONG_USED
	} wrong;
	uint16_t size;
	uint32_t wrong_size;
	uint64_t wrong_addr;
	uint16_t next_desc; /* where in its table the driver goes on: most begin at 0, and none has to */
};
void fuzz_guest_queue_again(unsigned int index, const struct fuzz_again *again);
/* A chain in the ring of a queue that was set up, through an indirect table if `indirect`. Its head. */
uint16_t fuzz_guest_add(unsigned int index, const struct fuzz_buf *bufs, unsigned int count, bool indirect);
/* Of any queue, whether there is one of that index or not. */
void fuzz_guest_kick(unsigned int index);
/* Takes one used chain. false: there is none. */
bool fuzz_guest_used(unsigned int index, uint32_t *head, uint32_t *len);

/* Accesses as steps of a trace. */
uint64_t fuzz_guest_read(uint64_t addr, unsigned int size);
void fuzz_guest_write(uint64_t addr, unsigned int size, uint64_t value);
void fuzz_guest_store(uint64_t addr, const void *bytes, uint64_t len);

#endif
