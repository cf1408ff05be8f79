/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interrupt line as a device sees it: three function pointers. Behind it stands an irqfd under KVM, a printed line
 * under qtest, two counters in a unit test; a device cannot tell which.
 *
 * raise and lower describe the level of the line. Calling raise on a raised line is allowed and never lost: an
 * edge-triggered receiver sees one more edge (virtio signals each batch, arm64-kvm-pitfalls 30).
 */
#ifndef MINIVMM_IRQ_H
#define MINIVMM_IRQ_H

#include <stdint.h>

struct irq;

struct irq_ops {
	void (*raise)(struct irq *irq);
	void (*lower)(struct irq *irq);
	/* An eventfd whose write raises the line without the device, for a vhost-user backend; -1 if there is none. */
	int (*fd)(struct irq *irq);
};

struct irq {
	const struct irq_ops *ops;
	uint32_t num; /* SPI number: 0 is INTID 32 */
	/*
	 * Set by the device before the line is first raised, NULL: it does not care. Called before the line is raised once more,
	 * because its receiver ended an interrupt while it was asserted: it takes the level, not edges.
	 */
	void (*sensed)(struct irq *irq, void *opaque);
	void *sensed_opaque;
};

static inline void irq_raise(struct irq *irq)
{
	irq->ops->raise(irq);
}

static inline void irq_lower(struct irq *irq)
{
	irq->ops->lower(irq);
}

/* For a line that has no eventfd. */
static inline int irq_no_fd(struct irq *irq)
{
	(void)irq;
	return -1;
}

/* For what has no level, such as a message. */
static inline void irq_no_level(struct irq *irq)
{
	(void)irq;
}

/*
 * Message interrupts: an irq whose raise sends a message, "write data to addr", as an interrupt controller takes it. What
 * the message means (an LPI of an ITS, an SPI of a GICv2M frame) is the implementation's to know; an address that is no
 * controller's doorbell reaches nothing, never memory.
 */
struct msi_ops {
	/* requester: bus, device and function as the controller sees them (the ITS' DeviceID). NULL: none left. */
	struct irq *(*alloc)(void *opaque, uint32_t requester);
	/* From now on raise, and a write to fd(), send this message. 0 or -errno: then it sends nothing. */
	int (*route)(void *opaque, struct irq *irq, uint64_t addr, uint32_t data);
	void (*free)(void *opaque, struct irq *irq);
};

#endif
