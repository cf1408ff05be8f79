/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM accelerator's insides, shared by kvm.c (VM and memory), kvm_irq.c (lines and doorbells), kvm_msi.c, kvm_mirror.c,
 * gic.c and vcpu.c. The rest of the monitor sees struct accel only. References are to Documentation/virt/kvm/api.rst and devices/ beside it.
 */
#ifndef MINIVMM_KVM_H
#define MINIVMM_KVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel.h"
#include "layout.h"
#include "stats.h"
#include "trace.h"

struct kvm;
struct kvm_message;

/* An SPI. Created when first asked for, kept until the VM goes. */
struct kvm_line {
	struct irq irq;
	struct kvm *kvm;
	int fd; /* irqfd; -1 before the line is first raised, and with --kvm irqfd=off */
	bool asked_for;
	bool asserted; /* the device's level, under the machine lock */
};

/* One: the registers of all virtio-mmio transports. */
struct kvm_mirror {
	struct mirror mirror; /* host NULL: there is none */
	struct kvm *kvm;
	unsigned int slot;
};

struct vcpu {
	struct kvm *kvm;
	unsigned int index;
	int fd;
	struct kvm_run *run; /* shared with the kernel, run_size bytes */
	uint64_t entry, dtb; /* of PSCI SYSTEM_SUSPEND: where it wakes up, x0 */
	pthread_t thread;
	struct error error; /* why it could not prepare itself */
	bool thread_started;
	unsigned int aborts_told; /* accesses without syndrome reported so far */
	struct stats *stats; /* NULL without --stats */
	struct trace_track *track; /* NULL without --trace and --boot-report */
};

struct kvm {
	struct accel accel;
	struct accel_machine *machine;
	const struct options *options;
	int dev_fd, vm_fd, gic_fd, its_fd;
	size_t run_size; /* of each vCPU's kvm_run mapping */
	unsigned int slot_count; /* memory slots in use */
	struct kvm_vcpu_init init; /* target and features every vCPU is initialised with */
	bool pvtime;
	struct kvm_mirror mirror;
	uint8_t *pages; /* see kvm_pages; NULL before the first of them */
	size_t pages_used;
	/*
	 * A CPU's thread sets up its PMU and stolen time, says prepared and waits at the gate. The first use of a PMU on a host can
	 * take it 10 ms of waiting (Linux 6.1: a grace period of RCU in kvm_pmu_probe_armpmu), in which the kernel is loaded.
	 */
	sem_t prepared, gate; /* posted once for each CPU */
	bool gate_open;
	bool stopping; /* atomic: vCPU threads leave their loop at the next interruption */
	struct vcpu *vcpu;
	struct stats *irq_stats; /* of the devices' calls, under the machine lock; NULL without --stats */
	struct kvm_line line[LAYOUT_SPIS];
	struct kvm_message **message; /* message_room of them, NULL: free; see kvm_msi.c */
	unsigned int message_room;
	struct kvm_irq_routing *routing; /* room for routing_room entries */
	size_t routing_room;
	/* Eventfds for EOIs, fd -1 before they are needed: of lines, and of those whose device wants to know; see kvm_irq.c. */
	struct loop_source resample, sensed;
};

/* ioctl that retries EINTR: KVM_CREATE_VM and others return it with no signal pending. The result, or -errno. */
int kvm_ioctl(int fd, unsigned long request, unsigned long arg);
static inline int kvm_ioctl_ptr(int fd, unsigned long request, const void *arg)
{
	return kvm_ioctl(fd, request, (unsigned long)arg);
}
/* KVM_SET_DEVICE_ATTR on a device, VM or vCPU fd. 0 or -errno. */
must_check int kvm_set_attr(int fd, uint32_t group, uint64_t attr, const void *addr);

#define KVM_PAGES_SIZE (LAYOUT_PVTIME_SIZE + 64 * KiB)
/*
 * size bytes of zeroes, a multiple of the host's pages and at most KVM_PAGES_SIZE of them in all, for a memory slot beside RAM: the
 * stolen-time records, the mirror. They stay until the VM has gone. NULL: no memory, errno.
 */
void *kvm_pages(struct kvm *kvm, size_t size);

/* Creates the interrupt controller device, before any vCPU. GICv3, or GICv2 where that is all the host has. */
must_check int gic_create(struct kvm *kvm, struct error *error);
/* Its addresses, SPIs and initialisation, once every vCPU exists. Interrupts can be injected afterwards. */
must_check int gic_init(struct kvm *kvm, struct error *error);

/* An ITS at LAYOUT_ITS, after gic_init and before any CPU runs. 0, or -errno: -ENODEV where KVM has none. */
must_check int gic_create_its(struct kvm *kvm);

/* The SPI's line, by an irqfd from its first use on (or by KVM_IRQ_LINE with --kvm irqfd=off). After gic_init. */
struct irq *kvm_irq_spi(struct accel *accel, uint32_t spi, struct error *error);
void kvm_irq_destroy(struct kvm *kvm);
extern const struct doorbell_ops kvm_doorbell_ops;
/* Writes an eventfd that KVM takes. */
void kvm_signal_fd(int fd);

/* Messages to the ITS; opaque is the accel. */
extern const struct msi_ops kvm_msi_ops;
void kvm_msi_destroy(struct kvm *kvm);

/* See accel_ops.mirror. Once. */
struct mirror *kvm_mirror_create(struct accel *accel, gpa_t base, uint64_t size);

/* Creates and initialises vCPU index: features finalised, registers at their reset values, MPIDR in accel.mpidr. */
must_check int vcpu_create(struct vcpu *vcpu, struct kvm *kvm, unsigned int index, struct error *error);
/* Its thread, after gic_init and once stolen-time records are mapped; it stops at the gate. */
must_check int vcpu_start(struct vcpu *vcpu, struct error *error);
/* Where it starts, and x0; once it is prepared and not yet through the gate. */
must_check int vcpu_set_entry(struct vcpu *vcpu, gpa_t entry, gpa_t dtb, struct error *error);
void vcpu_wait(sem_t *sem);
/* Both ends of a stop: interrupt every vCPU first, then wait for each. */
void vcpu_kick(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

#endif
