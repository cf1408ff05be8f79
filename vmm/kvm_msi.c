/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message interrupts through the ITS in the kernel: an irqfd each, and what it sends in the VM's routing table.
 *
 * Theory of operation. A message is a GSI above those of the SPIs. KVM_SET_GSI_ROUTING replaces the whole table, which on arm64
 * is that of the SPIs too: it is written anew at each change, from the messages and the lines in use. KVM builds an entry for
 * each, so the default routes of SPIs that no device asked for are not carried on. A guest sets a message up once and then moves it
 * between CPUs by commands to the ITS: changes are few, and nothing is done when idle.
 *
 * A message for which there is no GSI, descriptor or memory left is sent by a system call each time: slower, not lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kvm.h"

#define GSI_FIRST LAYOUT_SPIS /* below: the SPIs, by number */
#define GSI_END	  4096 /* KVM_MAX_IRQ_ROUTES, the length of the table too */
#define STEP	  32 /* what arrays grow by */

struct kvm_message {
	struct irq irq; /* num: the GSI, GSI_END without one */
	struct kvm *kvm;
	int fd; /* -1: sent by system call, as with --kvm irqfd=off */
	bool bound; /* fd is the GSI's irqfd */
	bool routed; /* the rest is what is sent */
	uint32_t requester, data;
};

static void irqfd_raise(struct irq *irq)
{
	const struct kvm_message *message = container_of(irq, struct kvm_message, irq);

	if (message->routed)
		kvm_signal_fd(message->fd);
}

/* The same message by a system call. */
static void ioctl_raise(struct irq *irq)
{
	const struct kvm_message *message = container_of(irq, struct kvm_message, irq);
	const struct kvm_msi msi = {
		.address_lo = (uint32_t)LAYOUT_ITS_TRANSLATER,
		.data = message->data,
		.flags = KVM_MSI_VALID_DEVID,
		.devid = message->requester,
	};

	if (!message->routed)
		return;
	stats_call(message->kvm->irq_stats, STATS_SIGNAL_MSI);
	(void)kvm_ioctl_ptr(message->kvm->vm_fd, KVM_SIGNAL_MSI, &msi);
}

static int message_fd(struct irq *irq)
{
	return container_of(irq, struct kvm_message, irq)->fd;
}

/* A place in the table of messages, its index the GSI's distance from GSI_FIRST; NULL: no memory, or all GSIs are taken. */
static struct kvm_message **free_place(struct kvm *kvm)
{
	struct kvm_message **grown;

	for (unsigned int i = 0; i < kvm->message_room; i++)
		if (!kvm->message[i])
			return &kvm->message[i];
	if (kvm->message_room + STEP > GSI_END - GSI_FIRST)
		return NULL;
	grown = reallocarray(kvm->message, kvm->message_room + STEP, sizeof(*grown));
	if (!grown)
		return NULL;
	for (unsigned int i = 0; i < STEP; i++)
		grown[kvm->message_room + i] = NULL;
	kvm->message = grown;
	kvm->message_room += STEP;
	return &grown[kvm->message_room - STEP];
}

static const struct irq_ops irqfd_ops = { irqfd_raise, irq_no_level, message_fd };
static const struct irq_ops ioctl_ops = { ioctl_raise, irq_no_level, message_fd };

/* A GSI and an eventfd for it. Without them the message stays as it is. */
static void give_irqfd(struct kvm_message *message)
{
	struct kvm_message **place = free_place(message->kvm);

	if (!place)
		return;
	message->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (message->fd < 0)
		return;
	*place = message;
	message->irq.num = GSI_FIRST + (uint32_t)(place - message->kvm->message);
	message->irq.ops = &irqfd_ops;
}

static struct irq *message_alloc(void *opaque, uint32_t requester)
{
	struct kvm *kvm = container_of(opaque, struct kvm, accel);
	struct kvm_message *message = calloc(1, sizeof(*message));

	if (!message)
		return NULL;
	*message = (struct kvm_message){
		.irq = { .ops = &ioctl_ops, .num = GSI_END },
		.kvm = kvm,
		.fd = -1,
		.requester = requester,
	};
	if (kvm->options->irqfd)
		give_irqfd(message);
	return &message->irq;
}

/* Room for every message and every line. */
static int grow_table(struct kvm *kvm)
{
	size_t room = LAYOUT_SPIS + kvm->message_room;
	struct kvm_irq_routing *grown;

	if (kvm->routing_room >= room)
		return 0;
	grown = realloc(kvm->routing, sizeof(*grown) + room * sizeof(grown->entries[0]));
	if (!grown)
		return -ENOMEM;
	kvm->routing = grown;
	kvm->routing_room = room;
	return 0;
}

static void add_message(struct kvm_irq_routing *table, const struct kvm_message *message)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = message->irq.num,
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = KVM_MSI_VALID_DEVID,
		.u.msi = {
			.address_lo = (uint32_t)LAYOUT_ITS_TRANSLATER,
			.data = message->data,
			.devid = message->requester,
		},
	};
}

static int write_table(struct kvm *kvm)
{
	int ret = grow_table(kvm);

	if (ret)
		return ret;
	kvm->routing->nr = kvm->routing->flags = 0;
	for (unsigned int spi = 0; spi < LAYOUT_SPIS; spi++)
		if (kvm->line[spi].asked_for)
			kvm->routing->entries[kvm->routing->nr++] = (struct kvm_irq_routing_entry){
				.gsi = spi,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip.pin = spi,
			};
	for (unsigned int i = 0; i < kvm->message_room; i++)
		if (kvm->message[i] && kvm->message[i]->routed)
			add_message(kvm->routing, kvm->message[i]);
	stats_call(kvm->irq_stats, STATS_SET_GSI_ROUTING);
	ret = kvm_ioctl_ptr(kvm->vm_fd, KVM_SET_GSI_ROUTING, kvm->routing);
	return ret < 0 ? ret : 0;
}

/* The message's eventfd and its GSI, tied or untied. */
static int bind_irqfd(struct kvm_message *message, uint32_t flags)
{
	const struct kvm_irqfd irqfd = { .fd = (uint32_t)message->fd, .gsi = message->irq.num, .flags = flags };
	int ret = kvm_ioctl_ptr(message->kvm->vm_fd, KVM_IRQFD, &irqfd);

	return ret < 0 ? ret : 0;
}

/* Its entry in the table goes with the next change: without an irqfd it does nothing. */
static void take_irqfd(struct kvm_message *message)
{
	if (message->fd < 0)
		return;
	if (message->bound)
		(void)bind_irqfd(message, KVM_IRQFD_FLAG_DEASSIGN);
	close(message->fd);
	message->kvm->message[message->irq.num - GSI_FIRST] = NULL;
	message->fd = -1;
	message->bound = false;
	message->irq.num = GSI_END;
	message->irq.ops = &ioctl_ops;
}

/* The table with the message in it, and the irqfd. */
static int connect_irqfd(struct kvm_message *message)
{
	int ret = write_table(message->kvm);

	if (ret || message->bound)
		return ret;
	ret = bind_irqfd(message, 0);
	message->bound = !ret;
	return ret;
}

static int message_route(void *opaque, struct irq *irq, uint64_t addr, uint32_t data)
{
	struct kvm_message *message = container_of(irq, struct kvm_message, irq);
	bool was_routed = message->routed;

	(void)opaque;
	message->routed = addr == LAYOUT_ITS_TRANSLATER;
	if (!message->routed) {
		/* Nothing is sent any more, what was sent before neither. */
		if (was_routed && message->fd >= 0 && write_table(message->kvm))
			take_irqfd(message);
		return -EINVAL;
	}
	message->data = data;
	if (message->fd >= 0 && connect_irqfd(message))
		take_irqfd(message);
	return 0;
}

static void message_free(void *opaque, struct irq *irq)
{
	struct kvm_message *message = container_of(irq, struct kvm_message, irq);

	(void)opaque;
	take_irqfd(message);
	free(message);
}

const struct msi_ops kvm_msi_ops = { .alloc = message_alloc, .route = message_route, .free = message_free };

void kvm_msi_destroy(struct kvm *kvm)
{
	free(kvm->message);
	free(kvm->routing);
}
