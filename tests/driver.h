/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's virtio driver for tests: negotiates, sets queues up, adds buffers, kicks, collects. It behaves as Linux does
 * where that matters (virtio_ring.c): above all it kicks only when the device asked for it. A test driver that always
 * kicks hides a device that forgets to ask.
 *
 * Two tables stand between it and the device: the transport (which registers) and the access path (how registers and
 * memory are reached: in this process, or through a qtest socket).
 *
 * Not hostile by itself. A test that is uses the ring's addresses and driver_write.
 */
#ifndef MINIVMM_TEST_DRIVER_H
#define MINIVMM_TEST_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/loop.h"
#include "core/mem.h"

#define DRIVER_MAX_QUEUES 4
#define DRIVER_MAX_SIZE	  256
#define DRIVER_MAX_CHAIN  64 /* entries of an indirect table */

#define DRIVER_F(bit)	    (1ULL << (bit))
#define DRIVER_ANY_FEATURES UINT64_MAX

struct driver;
struct vhost_user_frontend;
struct driver_buf;
struct driver_queue;

struct driver_access {
	uint64_t (*read)(void *opaque, uint64_t addr, unsigned int size);
	void (*write)(void *opaque, uint64_t addr, unsigned int size, uint64_t value);
	void (*mem_read)(void *opaque, uint64_t addr, void *dst, size_t len);
	void (*mem_write)(void *opaque, uint64_t addr, const void *src, size_t len);
	/* Lets the device work until it has nothing to do; the number of things it did. */
	int (*step)(void *opaque);
};

struct driver_transport {
	/* The kind of device: VIRTIO_ID_x. */
	uint32_t (*device_id)(struct driver *d);
	uint8_t (*get_status)(struct driver *d);
	void (*set_status)(struct driver *d, uint8_t status);
	/* Feature bits 32 * word and up. */
	uint32_t (*get_features)(struct driver *d, uint32_t word);
	void (*set_features)(struct driver *d, uint32_t word, uint32_t value);
	uint32_t (*queue_max)(struct driver *d, uint16_t index);
	/* Writes size and addresses, makes it ready and tells whether it became so. */
	bool (*queue_enable)(struct driver *d, const struct driver_queue *q);
	bool (*queue_ready)(struct driver *d, uint16_t index);
	/* With VIRTIO_F_RING_RESET. Whether it is over when the call returns. */
	bool (*queue_reset)(struct driver *d, uint16_t index);
	void (*notify)(struct driver *d, uint32_t value);
	/* What caused the interrupt, acknowledged. */
	uint32_t (*take_interrupt)(struct driver *d);
	void (*config_read)(struct driver *d, uint32_t offset, void *dst, unsigned int size);
	void (*config_write)(struct driver *d, uint32_t offset, const void *src, unsigned int size);
	uint32_t (*config_generation)(struct driver *d);
};

/* What is special to a ring format. */
struct driver_ring {
	/* Allocates the three areas and puts the indices where they start. */
	void (*setup)(struct driver_queue *q);
	int (*add)(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count);
	bool (*wants_kick)(struct driver_queue *q);
	/* What VIRTIO_F_NOTIFICATION_DATA puts above the queue index. */
	uint16_t (*position)(const struct driver_queue *q);
	bool (*take_used)(struct driver_queue *q, uint16_t *head, uint32_t *len);
	void (*interrupts)(struct driver_queue *q, bool on);
};
extern const struct driver_ring driver_split, driver_packed;

/* One buffer of a chain. */
struct driver_buf {
	gpa_t addr;
	uint32_t len;
	bool device_writes;
};

struct driver_queue {
	struct driver *d;
	const struct driver_ring *ring;
	uint16_t index, size;
	bool event_idx, indirect, in_order; /* indirect: used for every chain of two or more buffers, when negotiated */
	gpa_t desc, avail, used; /* Descriptor, Driver and Device Area */
	gpa_t table[DRIVER_MAX_SIZE]; /* indirect tables by head, made when first needed */
	uint16_t next[DRIVER_MAX_SIZE], taken[DRIVER_MAX_SIZE]; /* free list; descriptors a head holds */
	uint16_t free_head, free_count;
	uint16_t avail_idx, used_idx, added; /* added: since the last kick */
	uint16_t used_next; /* packed: position of the next used descriptor, wrap counter in bit 15, as avail_idx */
	bool no_interrupts;
	unsigned int kicks; /* notifications really sent */
};

/*
 * What driver_pci found out about its function. Memory BARs are taken to be where their registers say, bus addresses
 * being CPU addresses.
 */
struct driver_pci {
	bool up; /* found and enabled; the first access does that */
	gpa_t common, isr, device, notify, msix; /* CPU addresses of the structures and of the MSI-X table */
	uint32_t notify_step;
	unsigned int vectors; /* 0: no MSI-X, or not used */
	uint16_t notify_off[DRIVER_MAX_QUEUES];
};

/* What messages there can be in this machine: vector n sends data + n to addr. For driver_pci. */
struct driver_messages {
	gpa_t addr;
	uint32_t data;
	/* Those that came since the last call, a bit each; sees to it that they are counted as seen. */
	uint32_t (*take)(void *opaque);
	void *opaque;
};

struct driver {
	const struct driver_access *access;
	void *access_opaque;
	const struct driver_transport *transport;
	gpa_t base; /* of the transport's registers; PCI: of the function's configuration space */
	struct driver_pci pci;
	struct driver_messages messages;
	struct vhost_user_frontend *frontend; /* of driver_vhost_user (vhost_user_frontend.h) */
	gpa_t arena, arena_end; /* what driver_alloc still has */
	gpa_t arena_start;
	uint64_t features; /* negotiated */
	struct driver_queue queue[DRIVER_MAX_QUEUES];
};

/* Straight to a bus, memory and loop in this process. */
struct driver_local {
	struct bus *bus;
	struct mem *mem;
	struct loop *loop;
};
extern const struct driver_access driver_local_access;
extern const struct driver_transport driver_mmio;
/* With a message for configuration changes and one for each queue, and with INTx. */
extern const struct driver_transport driver_pci, driver_pci_intx;
/* Looks up anew where the function's registers are: its BARs were moved. */
void driver_pci_locate(struct driver *d);

/* [arena, arena + size) is RAM the driver may use. */
void driver_init(struct driver *d, const struct driver_access *access, void *opaque,
	const struct driver_transport *transport, gpa_t base, gpa_t arena, uint64_t size);

/* Zeroed guest memory for the driver's structures and a test's buffers; free again by driver_reset. align: power of 2. */
gpa_t driver_alloc(struct driver *d, uint64_t size, uint64_t align);
void driver_read(struct driver *d, gpa_t addr, void *dst, size_t len);
void driver_write(struct driver *d, gpa_t addr, const void *src, size_t len);
uint16_t driver_read16(struct driver *d, gpa_t addr);
void driver_write16(struct driver *d, gpa_t addr, uint16_t value);

uint8_t driver_status(struct driver *d);
void driver_set_status(struct driver *d, uint8_t status);
uint64_t driver_offered(struct driver *d);
/* Status 0, and everything the driver knew forgotten. */
void driver_reset(struct driver *d);
/* Up to FEATURES_OK with what is both wanted and offered, VERSION_1 always. false: the device refused. */
bool driver_negotiate(struct driver *d, uint64_t wanted);
/* A queue of size entries (0: the maximum), between negotiate and ok. NULL: the device did not make it ready. */
struct driver_queue *driver_queue_setup(struct driver *d, uint16_t index, uint16_t size);
void driver_ok(struct driver *d);
/* All four with one queue 0. */
struct driver_queue *driver_start(struct driver *d, uint64_t wanted, uint16_t size);

/* Makes a chain available. Its head, or -1 when the ring has no room. Readable buffers come first. */
int driver_add(struct driver_queue *q, const struct driver_buf *bufs, unsigned int count);
/* Split only. Puts a head in the available ring and moves the index: the end of driver_add, and what a hostile test calls. */
void driver_expose(struct driver_queue *q, uint16_t head);
/* Split only, as are its arguments. */
void driver_set_desc(struct driver_queue *q, uint16_t i, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next);
/*
 * Packed only. Writes a descriptor that is available, moves on, and gives its position's index; `flags` beside AVAIL and
 * USED.
 */
uint16_t driver_put_packed(struct driver_queue *q, gpa_t addr, uint32_t len, uint16_t id, uint16_t flags);
/* The queue index with the data that was negotiated, whatever the device asked for. */
void driver_notify(struct driver_queue *q);
/* Tells the device if it wants to know. Whether it did. */
bool driver_kick(struct driver_queue *q);
/* Takes one used chain. false: there is none. */
bool driver_take_used(struct driver_queue *q, uint16_t *head, uint32_t *len);
/* Kicks, lets the device work and takes one used chain. */
bool driver_wait_used(struct driver_queue *q, uint16_t *head, uint32_t *len);
/* Interrupts wanted or not, as Linux tells the device while it polls. */
void driver_interrupts(struct driver_queue *q, bool on);

#endif
