/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt lines as irqfds, doorbells as ioeventfds. Message interrupts are kvm_msi.c's.
 *
 * Theory of operation. A line has the level its device gave it, but an eventfd can only say "now". Every irqfd is therefore
 * bound with KVM_IRQFD_FLAG_RESAMPLE: the write raises the SPI and leaves it raised. Where the guest configured it
 * level-triggered, KVM lowers it at the guest's EOI and signals our resample eventfd, on which every line still asserted
 * is raised again: the semantics of a wire, without a system call to lower it. Where the guest configured it edge-triggered,
 * each write latches one interrupt and no EOI is ever reported, so nothing is spent (vgic_validate_injection and
 * lr_signals_eoi_mi in arch/arm64/kvm/vgic). A plain irqfd would pulse, and a pulse is lost on a level-triggered SPI, which is
 * what an SPI is until the guest says otherwise.
 *
 * Most lines of a board are never raised (INTx beside MSI-X, the power key, the alarm clock), and tying one to an irqfd waits
 * for a grace period of KVM's, milliseconds when several come at once: it is done when a line is first used.
 *
 * A device whose line is meant to be taken by its edges, and that has to know when it is not (irq.h, sensed), has its EOIs on
 * an eventfd apart: they come only from a guest that configured the line otherwise.
 *
 * What a wire has and this has not: a device that lowers its line before the guest took the interrupt leaves it pending. The
 * guest then finds no cause, once.
 */
#include "kvm.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/syscall.h"

void kvm_signal_fd(int fd)
{
	static const uint64_t one = 1;

	/* EAGAIN would mean 2^64 - 2 signals that nobody took; KVM takes each at once. */
	if (direct_write(fd, &one, sizeof(one)) < 0)
		return;
}

static void line_raise(struct irq *irq)
{
	struct kvm_line *line = container_of(irq, struct kvm_line, irq);

	line->asserted = true;
	kvm_signal_fd(line->fd);
}

static void line_lower(struct irq *irq)
{
	container_of(irq, struct kvm_line, irq)->asserted = false;
}

static int line_fd(struct irq *irq)
{
	return container_of(irq, struct kvm_line, irq)->fd;
}

static const struct irq_ops irqfd_ops = { .raise = line_raise, .lower = line_lower, .fd = line_fd };

/* --kvm irqfd=off: the same line through KVM_IRQ_LINE, a system call at each change, to measure what irqfd is worth. */
static void set_level(struct irq *irq, unsigned int level)
{
	const struct kvm_line *line = container_of(irq, struct kvm_line, irq);
	struct kvm_irq_level irq_level = {
		.irq = (KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT) | (32 + irq->num),
		.level = level,
	};

	stats_call(line->kvm->irq_stats, STATS_IRQ_LINE);
	(void)kvm_ioctl_ptr(line->kvm->vm_fd, KVM_IRQ_LINE, &irq_level);
}

/* Nothing tells of an EOI this way: whoever has to know must take it that the level counts. */
static void ioctl_raise(struct irq *irq)
{
	if (irq->sensed)
		irq->sensed(irq, irq->sensed_opaque);
	set_level(irq, 1);
}

static void ioctl_lower(struct irq *irq)
{
	set_level(irq, 0);
}

static const struct irq_ops irq_line_ops = { .raise = ioctl_raise, .lower = ioctl_lower, .fd = irq_no_fd };

/* The guest ended a level-triggered interrupt of ours; which one is not said. */
static void raise_again(struct kvm *kvm, bool sensed)
{
	for (unsigned int spi = 0; spi < LAYOUT_SPIS; spi++) {
		struct kvm_line *line = &kvm->line[spi];

		if (!line->asserted || (line->irq.sensed != NULL) != sensed)
			continue;
		if (sensed)
			line->irq.sensed(&line->irq, line->irq.sensed_opaque);
		kvm_signal_fd(line->fd);
	}
}

static void resample_ready(struct loop_source *source, uint32_t events)
{
	eventfd_t count;

	(void)events;
	if (!eventfd_read(source->fd, &count))
		raise_again(container_of(source, struct kvm, resample), false);
}

static void sensed_ready(struct loop_source *source, uint32_t events)
{
	eventfd_t count;

	(void)events;
	if (!eventfd_read(source->fd, &count))
		raise_again(container_of(source, struct kvm, sensed), true);
}

/* The eventfd that KVM signals at the line's EOI, made when it is first needed; or -errno. */
static int eoi_fd(struct kvm_line *line)
{
	struct kvm *kvm = line->kvm;
	struct loop_source *source = line->irq.sensed ? &kvm->sensed : &kvm->resample;
	int ret;

	if (source->fd >= 0)
		return source->fd;
	*source = (struct loop_source){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = line->irq.sensed ? sensed_ready : resample_ready,
	};
	ret = source->fd < 0 ? -errno : loop_add(kvm->machine->loop, source, EPOLLIN);
	if (!ret)
		return source->fd;
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
	return ret;
}

/* Ties the line to an irqfd. 0 or -errno. */
static int bind_line(struct kvm_line *line)
{
	struct kvm *kvm = line->kvm;
	struct kvm_irqfd irqfd = {
		.gsi = line->irq.num, /* the default routing: GSI n is SPI n; kvm_msi.c keeps it */
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
	};
	int eoi = eoi_fd(line), fd, ret;

	if (eoi < 0)
		return eoi;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	irqfd.fd = (uint32_t)fd;
	irqfd.resamplefd = (uint32_t)eoi;
	ret = kvm_ioctl_ptr(kvm->vm_fd, KVM_IRQFD, &irqfd);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	line->fd = fd;
	return 0;
}

/* The first to use the line ties it; where that fails it works all the same, by system calls. */
static struct irq *used_line(struct irq *irq)
{
	struct kvm_line *line = container_of(irq, struct kvm_line, irq);

	irq->ops = bind_line(line) ? &irq_line_ops : &irqfd_ops;
	return irq;
}

static void first_raise(struct irq *irq)
{
	irq_raise(used_line(irq));
}

static void first_lower(struct irq *irq)
{
	(void)irq; /* it is low */
}

static int first_fd(struct irq *irq)
{
	used_line(irq);
	return irq->ops->fd(irq);
}

static const struct irq_ops unused_ops = { .raise = first_raise, .lower = first_lower, .fd = first_fd };

struct irq *kvm_irq_spi(struct accel *accel, uint32_t spi, struct error *error)
{
	struct kvm *kvm = container_of(accel, struct kvm, accel);
	struct kvm_line *line = &kvm->line[spi];

	(void)error;
	if (!line->asked_for)
		*line = (struct kvm_line){
			.irq = { .ops = kvm->options->irqfd ? &unused_ops : &irq_line_ops, .num = spi },
			.kvm = kvm,
			.fd = -1,
			.asked_for = true,
		};
	return &line->irq;
}

static void forget_source(struct kvm *kvm, struct loop_source *source)
{
	if (source->fd < 0)
		return;
	loop_del(kvm->machine->loop, source);
	close(source->fd);
}

void kvm_irq_destroy(struct kvm *kvm)
{
	for (unsigned int spi = 0; spi < LAYOUT_SPIS; spi++)
		if (kvm->line[spi].asked_for && kvm->line[spi].fd >= 0)
			close(kvm->line[spi].fd);
	forget_source(kvm, &kvm->resample);
	forget_source(kvm, &kvm->sensed);
}

static int set_doorbell(struct kvm *kvm, const struct doorbell *bell, uint32_t flags)
{
	struct kvm_ioeventfd ioeventfd = {
		.datamatch = bell->value,
		.addr = bell->addr,
		.len = bell->size,
		.fd = bell->fd,
		.flags = (bell->any_value ? 0 : KVM_IOEVENTFD_FLAG_DATAMATCH) | flags,
	};

	return kvm_ioctl_ptr(kvm->vm_fd, KVM_IOEVENTFD, &ioeventfd);
}

static int doorbell_add(void *opaque, const struct doorbell *bell)
{
	return set_doorbell(container_of(opaque, struct kvm, accel), bell, 0);
}

static void doorbell_del(void *opaque, const struct doorbell *bell)
{
	(void)set_doorbell(container_of(opaque, struct kvm, accel), bell, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

const struct doorbell_ops kvm_doorbell_ops = { .add = doorbell_add, .del = doorbell_del };
