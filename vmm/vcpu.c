/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest CPU: its creation, its thread, and the loop around KVM_RUN with every exit reason either handled or ended with a
 * message. MMIO goes to the bus under the machine lock; everything else needs no lock.
 */
#include "kvm.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record.h"

/* Interrupts KVM_RUN, does nothing else. */
#define KICK_SIGNAL SIGUSR1

/* After this many accesses without syndrome the guest is known to do it; say no more. */
#define ABORTS_TOLD 8

/* A vCPU's stolen-time record: ARM DEN0057 needs 64-byte alignment. */
#define PVTIME_RECORD 64

#define CORE_REG(name) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))
#define MPIDR_EL1      ARM64_SYS_REG(3, 0, 0, 0, 5)
#define MPIDR_AFFINITY 0xff00ffffffULL

static int get_reg(const struct vcpu *vcpu, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	return kvm_ioctl_ptr(vcpu->fd, KVM_GET_ONE_REG, &reg);
}

static int set_reg(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return kvm_ioctl_ptr(vcpu->fd, KVM_SET_ONE_REG, &reg);
}

/* Resets the CPU: every register as the architecture has it after a cold reset, in EL1 with interrupts masked. */
static int reset_cpu(struct vcpu *vcpu, bool powered)
{
	struct kvm_vcpu_init init = vcpu->kvm->init;

	if (!powered)
		init.features[0] |= 1U << KVM_ARM_VCPU_POWER_OFF;
	return kvm_ioctl_ptr(vcpu->fd, KVM_ARM_VCPU_INIT, &init);
}

int vcpu_create(struct vcpu *vcpu, struct kvm *kvm, unsigned int index, struct error *error)
{
	int sve = KVM_ARM_VCPU_SVE;
	void *run;
	int ret;

	vcpu->kvm = kvm;
	vcpu->index = index;
	vcpu->fd = kvm_ioctl(kvm->vm_fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		return error_set(error, STATUS_HOST, "KVM: cannot create CPU %u: %s", index, strerror(-vcpu->fd));
	run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return error_set(error, STATUS_HOST, "KVM: cannot map CPU %u: %s", index, strerror(errno));
	vcpu->run = run;
	ret = reset_cpu(vcpu, index == 0);
	if (!ret && kvm->init.features[0] & 1U << KVM_ARM_VCPU_SVE)
		ret = kvm_ioctl_ptr(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &sve);
	if (!ret)
		ret = get_reg(vcpu, MPIDR_EL1, &kvm->accel.mpidr[index]);
	if (ret)
		return error_set(error, STATUS_HOST, "KVM: cannot initialise CPU %u: %s", index, strerror(-ret));
	kvm->accel.mpidr[index] &= MPIDR_AFFINITY;
	return 0;
}

/* What can only be set once the interrupt controller is initialised: PMU, stolen time. */
static int init_late(const struct vcpu *vcpu, struct error *error)
{
	const struct kvm *kvm = vcpu->kvm;
	uint64_t record = LAYOUT_PVTIME + vcpu->index * PVTIME_RECORD;
	int irq = 16 + LAYOUT_PPI_PMU;
	int ret = 0;

	if (kvm->accel.pmu) {
		ret = kvm_set_attr(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
		if (!ret)
			ret = kvm_set_attr(vcpu->fd, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT, NULL);
		if (ret)
			return error_set(error, STATUS_HOST,
				"KVM: cannot set up the PMU of CPU %u: %s (--cpu-features pmu=off does without)",
				vcpu->index, strerror(-ret));
	}
	if (kvm->pvtime)
		ret = kvm_set_attr(vcpu->fd, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA, &record);
	if (ret)
		return error_set(error, STATUS_HOST,
			"KVM: cannot set up stolen time of CPU %u: %s (--cpu-features pvtime=off does without)",
			vcpu->index, strerror(-ret));
	return 0;
}

static void end_run(struct vcpu *vcpu, enum run_end end, const struct error *error)
{
	struct accel_machine *machine = vcpu->kvm->machine;

	machine->ended(machine, end, error);
}

/* The run cannot go on; says where the guest was. */
__attribute__((format(printf, 2, 3))) static void fail_run(struct vcpu *vcpu, const char *format, ...)
{
	struct error error = { .status = STATUS_OK };
	char what[256];
	uint64_t pc = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)get_reg(vcpu, CORE_REG(regs.pc), &pc);
	error_set(&error, STATUS_HOST, "CPU %u stopped at PC 0x%" PRIx64 ": %s", vcpu->index, pc, what);
	end_run(vcpu, RUN_FAILED, &error);
}

static void trace(const struct vcpu *vcpu, const char *what, uint64_t addr, unsigned int size, uint64_t value,
	const struct bus_region *region)
{
	const char *reg = region && region->ops->reg_name ? region->ops->reg_name(addr - region->base) : NULL;

	fprintf(stderr, "cpu%u %-5s 0x%09" PRIx64 " size %u value 0x%" PRIx64 "  %s %s\n", vcpu->index, what, addr,
		size, value, region ? region->name : "unmapped", reg ? reg : "");
}

static void exit_mmio(struct vcpu *vcpu)
{
	const struct accel_machine *machine = vcpu->kvm->machine;
	const struct options *options = vcpu->kvm->options;
	struct kvm_run *run = vcpu->run;
	unsigned int size = run->mmio.len;
	uint64_t addr = run->mmio.phys_addr, value = 0;
	const struct bus_region *region = NULL;
	const bool watched = vcpu->stats || vcpu->track || options->trace_exits;

	pthread_mutex_lock(machine->lock);
	if (unlikely(watched))
		region = bus_find(machine->bus, addr, size);
	/* Eight bytes at once, and what is not of the access out again: cheaper than so many bytes as it has. */
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, sizeof(value));
		value &= UINT64_MAX >> (64 - 8 * size);
	}
	if (machine->record)
		record_access(machine->record, machine->bus, run->mmio.is_write, addr, size, &value);
	else if (run->mmio.is_write)
		bus_write(machine->bus, addr, size, value);
	else
		bus_read(machine->bus, addr, size, &value);
	/* All eight bytes: what nobody answers reads as zero, never as what the last exit left there. */
	if (!run->mmio.is_write)
		memcpy(run->mmio.data, &value, sizeof(run->mmio.data));
	pthread_mutex_unlock(machine->lock);

	if (likely(!watched))
		return;
	stats_mmio(vcpu->stats, addr, run->mmio.is_write, region);
	trace_mmio(vcpu->track, addr, run->mmio.is_write, size, value, region);
	if (options->trace_exits)
		trace(vcpu, run->mmio.is_write ? "write" : "read", addr, size, value, region);
}

/*
 * An access outside RAM by an instruction whose syndrome does not say what it does (LDP, post-index, SIMD, DC ZVA). Nothing
 * can be emulated; the guest gets the external abort that a bus would answer with, and the user the place.
 */
static void exit_nisv(struct vcpu *vcpu)
{
	struct kvm_vcpu_events events = { .exception.ext_dabt_pending = 1 };
	uint64_t pc = 0;
	int ret;

	(void)get_reg(vcpu, CORE_REG(regs.pc), &pc);
	if (vcpu->aborts_told < ABORTS_TOLD) {
		vcpu->aborts_told++;
		fprintf(stderr,
			"minivmm: CPU %u: access to 0x%" PRIx64 " at PC 0x%" PRIx64
			" by an instruction without syndrome (ISS 0x%" PRIx64
			"; LDP, post-index, SIMD?): guest gets an abort\n",
			vcpu->index, (uint64_t)vcpu->run->arm_nisv.fault_ipa, pc,
			(uint64_t)vcpu->run->arm_nisv.esr_iss);
	}
	ret = kvm_ioctl_ptr(vcpu->fd, KVM_SET_VCPU_EVENTS, &events);
	if (ret)
		fail_run(vcpu, "access to 0x%" PRIx64 " without syndrome, and no abort can be injected: %s",
			(uint64_t)vcpu->run->arm_nisv.fault_ipa, strerror(-ret));
}

static int set_mp_state(struct vcpu *vcpu, unsigned int state)
{
	struct kvm_mp_state mp_state = { .mp_state = state };

	return kvm_ioctl_ptr(vcpu->fd, KVM_SET_MP_STATE, &mp_state);
}

/*
 * PSCI SYSTEM_SUSPEND, with the call's arguments still in x1 (entry point) and x2 (context id): DEN0022 5.19. KVM sleeps in
 * our place until an interrupt is pending and then exits with WAKEUP.
 */
static int system_suspend(struct vcpu *vcpu)
{
	int ret = get_reg(vcpu, CORE_REG(regs.regs[1]), &vcpu->entry);

	if (!ret)
		ret = get_reg(vcpu, CORE_REG(regs.regs[2]), &vcpu->dtb);
	return ret ? ret : set_mp_state(vcpu, KVM_MP_STATE_SUSPENDED);
}

/* The CPU comes back as from a reset, at the entry point, with the context id in x0. */
static int system_wakeup(struct vcpu *vcpu)
{
	int ret = set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);

	if (!ret)
		ret = reset_cpu(vcpu, true);
	if (!ret)
		ret = set_reg(vcpu, CORE_REG(regs.pc), vcpu->entry);
	return ret ? ret : set_reg(vcpu, CORE_REG(regs.regs[0]), vcpu->dtb);
}

/* true when this CPU goes on running. */
static bool exit_system_event(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	bool reset2 =
		run->system_event.ndata > 0 && run->system_event.data[0] & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2;
	int ret = 0;

	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN: end_run(vcpu, RUN_OFF, NULL); return false;
	case KVM_SYSTEM_EVENT_RESET: end_run(vcpu, reset2 ? RUN_RESET2 : RUN_RESET, NULL); return false;
	case KVM_SYSTEM_EVENT_CRASH: end_run(vcpu, RUN_CRASHED, NULL); return false;
	case KVM_SYSTEM_EVENT_SUSPEND: ret = system_suspend(vcpu); break;
	case KVM_SYSTEM_EVENT_WAKEUP: ret = system_wakeup(vcpu); break;
	default: fail_run(vcpu, "unknown system event %u", run->system_event.type); return false;
	}
	if (!ret)
		return true;
	fail_run(vcpu, "system suspend failed: %s", strerror(-ret));
	return false;
}

/* true when this CPU goes on running. */
static bool handle_exit(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;

	stats_exit(vcpu->stats, run->exit_reason);
	switch (run->exit_reason) {
	case KVM_EXIT_MMIO: exit_mmio(vcpu); return true;
	case KVM_EXIT_ARM_NISV: exit_nisv(vcpu); return true;
	case KVM_EXIT_INTR: return true;
	case KVM_EXIT_SYSTEM_EVENT: return exit_system_event(vcpu);
	case KVM_EXIT_FAIL_ENTRY:
		fail_run(vcpu, "the hardware refused to enter the guest (reason 0x%" PRIx64 ")",
			(uint64_t)run->fail_entry.hardware_entry_failure_reason);
		return false;
	case KVM_EXIT_INTERNAL_ERROR: fail_run(vcpu, "KVM internal error %u", run->internal.suberror); return false;
	default: fail_run(vcpu, "unexpected exit reason %u", run->exit_reason); return false;
	}
}

/*
 * Runs until the machine stops or this CPU ends the run. A stop sets immediate_exit before it signals, so a signal that
 * arrives just before KVM_RUN is not lost; and since the flag stays set, the KVM_RUN after an MMIO exit completes that access
 * and comes straight back: at a stop no access is ever half done.
 */
static void run(struct vcpu *vcpu)
{
	for (;;) {
		int ret;

		trace_enter(vcpu->track);
		ret = ioctl(vcpu->fd, KVM_RUN, 0);
		trace_leave(vcpu->track, ret ? KVM_EXIT_INTR : vcpu->run->exit_reason);
		if (!ret) {
			if (!handle_exit(vcpu))
				return;
			continue;
		}
		if (errno == EINTR) {
			if (__atomic_load_n(&vcpu->kvm->stopping, __ATOMIC_SEQ_CST))
				return;
		} else if (errno == EFAULT) {
			fail_run(vcpu, "KVM cannot reach guest memory: the host is out of memory");
			return;
		} else if (errno != EAGAIN) {
			fail_run(vcpu, "KVM_RUN: %s", strerror(errno));
			return;
		}
	}
}

void vcpu_wait(sem_t *sem)
{
	while (sem_wait(sem) && errno == EINTR)
		;
}

static void *vcpu_thread(void *opaque)
{
	struct vcpu *vcpu = opaque;
	struct kvm *kvm = vcpu->kvm;

	(void)init_late(vcpu, &vcpu->error);
	sem_post(&kvm->prepared);
	vcpu_wait(&kvm->gate);
	if (!__atomic_load_n(&kvm->stopping, __ATOMIC_SEQ_CST))
		run(vcpu);
	return NULL;
}

static void kicked(int signal)
{
	(void)signal;
}

int vcpu_start(struct vcpu *vcpu, struct error *error)
{
	/* No SA_RESTART: KVM_RUN must come back. */
	static const struct sigaction action = { .sa_handler = kicked };
	int ret;

	if (vcpu->index == 0)
		sigaction(KICK_SIGNAL, &action, NULL);
	ret = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	if (ret)
		return error_set(
			error, STATUS_HOST, "cannot start the thread of CPU %u: %s", vcpu->index, strerror(ret));
	vcpu->thread_started = true;
	return 0;
}

int vcpu_set_entry(struct vcpu *vcpu, gpa_t entry, gpa_t dtb, struct error *error)
{
	int ret = set_reg(vcpu, CORE_REG(regs.pc), entry);

	if (!ret)
		ret = set_reg(vcpu, CORE_REG(regs.regs[0]), dtb);
	return ret ? error_set(
			     error, STATUS_HOST, "KVM: cannot set CPU %u's registers: %s", vcpu->index, strerror(-ret))
		   : 0;
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (!vcpu->thread_started)
		return;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

void vcpu_join(struct vcpu *vcpu)
{
	if (!vcpu->thread_started)
		return;
	pthread_join(vcpu->thread, NULL);
	vcpu->thread_started = false;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->kvm->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}
