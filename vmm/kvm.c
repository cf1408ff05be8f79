/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The KVM accelerator: opens /dev/kvm, makes a VM of the right size with the features the host has, maps guest memory into
 * it. Interrupts are kvm_irq.c's and gic.c's, CPUs vcpu.c's.
 */
#include "kvm.h"

#include "check.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Ask again this often when KVM_CREATE_VM says EINTR; Firecracker saw it with no signal pending, five was enough there. */
#define KVM_EINTR_RETRIES 16

int kvm_ioctl(int fd, unsigned long request, unsigned long arg)
{
	int ret;

	for (int i = 0; i < KVM_EINTR_RETRIES; i++) {
		ret = ioctl(fd, request, arg);
		if (ret >= 0 || errno != EINTR)
			break;
	}
	return ret < 0 ? -errno : ret;
}

int kvm_set_attr(int fd, uint32_t group, uint64_t attr, const void *addr)
{
	struct kvm_device_attr device_attr = { .group = group, .attr = attr, .addr = (uintptr_t)addr };

	return kvm_ioctl_ptr(fd, KVM_SET_DEVICE_ATTR, &device_attr);
}

static bool kvm_has(const struct kvm *kvm, unsigned long cap)
{
	return kvm_ioctl(kvm->vm_fd, KVM_CHECK_EXTENSION, cap) > 0;
}

/* The commonest first error of all: say what would help. */
static int kvm_unusable(struct error *error, int open_errno)
{
	struct check_node node;
	char text[400];

	check_node_gather("/dev/kvm", &node);
	if (check_kvm_problem(&node, NULL, text, sizeof(text)))
		return error_set(error, STATUS_HOST, "%s", text);
	return error_set(error, STATUS_HOST, "/dev/kvm: %s", strerror(open_errno));
}

static int open_dev(struct kvm *kvm, struct error *error)
{
	int version;

	kvm->dev_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->dev_fd < 0)
		return kvm_unusable(error, errno);
	version = kvm_ioctl(kvm->dev_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return error_set(error, STATUS_HOST, "/dev/kvm: not KVM (API version %d, %d expected)", version,
			KVM_API_VERSION);
	return 0;
}

/*
 * The guest physical address size: the least the layout needs, since fewer bits mean fewer levels of stage-2 tables, and
 * never more than the host has (type 0 would ask for 40 bits, which some hosts refuse). PCI windows need most, but can do
 * with less. KVM takes nothing below 32.
 */
static int create_vm(struct kvm *kvm, struct error *error)
{
	uint64_t last = LAYOUT_RAM + kvm->options->memory - 1;
	int bits = 64 - __builtin_clzll(last);
	int limit = kvm_ioctl(kvm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);
	bool fixed = limit <= 0; /* before Linux 4.20: 40 bits, asked for by type 0 */

	if (bits < 32)
		bits = 32;
	if (fixed)
		limit = 40;
	if (kvm->options->ipa_bits && kvm->options->ipa_bits < (unsigned int)limit)
		limit = (int)kvm->options->ipa_bits;
	if (kvm->options->pci && limit >= LAYOUT_PCI_BITS && bits < LAYOUT_PCI_BITS)
		bits = LAYOUT_PCI_BITS;
	kvm->accel.ipa_bits = (unsigned int)bits;
	if (bits > limit)
		return error_set(error, STATUS_HOST,
			"--memory: %llu MiB of RAM need %d address bits and this host's KVM offers %d: at most %llu "
			"MiB",
			kvm->options->memory / MiB, bits, limit, ((1ULL << limit) - LAYOUT_RAM) / MiB);
	kvm->vm_fd = kvm_ioctl(kvm->dev_fd, KVM_CREATE_VM, fixed ? 0 : KVM_VM_TYPE_ARM_IPA_SIZE((unsigned int)bits));
	if (kvm->vm_fd < 0)
		return error_set(error, STATUS_HOST, "/dev/kvm: cannot create a VM: %s", strerror(-kvm->vm_fd));
	return 0;
}

/* Exits that only come to user space when asked for. An older kernel without one simply never sends it. */
static void enable_exits(struct kvm *kvm)
{
	static const unsigned int caps[] = {
		KVM_CAP_ARM_NISV_TO_USER, /* MMIO by LDP, post-index, SIMD: reported, not fatal */
		KVM_CAP_ARM_SYSTEM_SUSPEND, /* PSCI SYSTEM_SUSPEND */
	};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		struct kvm_enable_cap enable = { .cap = caps[i] };

		(void)kvm_ioctl_ptr(kvm->vm_fd, KVM_ENABLE_CAP, &enable);
	}
}

/* Every optional feature is all on or all off: a PMU or SVE bit set and not finished makes KVM_RUN fail (EINVAL). */
static int choose_features(struct kvm *kvm, struct error *error)
{
	const struct options *options = kvm->options;
	uint32_t features = 1U << KVM_ARM_VCPU_PSCI_0_2;
	int ret = kvm_ioctl_ptr(kvm->vm_fd, KVM_ARM_PREFERRED_TARGET, &kvm->init);

	if (ret < 0)
		return error_set(error, STATUS_HOST, "KVM: no CPU type for guests on this host: %s", strerror(-ret));
	if (options->pmu && kvm_has(kvm, KVM_CAP_ARM_PMU_V3)) {
		features |= 1U << KVM_ARM_VCPU_PMU_V3;
		kvm->accel.pmu = true;
	}
	if (options->sve && kvm_has(kvm, KVM_CAP_ARM_SVE))
		features |= 1U << KVM_ARM_VCPU_SVE;
	if (options->pauth && kvm_has(kvm, KVM_CAP_ARM_PTRAUTH_ADDRESS) && kvm_has(kvm, KVM_CAP_ARM_PTRAUTH_GENERIC))
		features |= 1U << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1U << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	kvm->init.features[0] = features;
	kvm->pvtime = options->pvtime && kvm_has(kvm, KVM_CAP_STEAL_TIME);
	return 0;
}

static int kvm_map(struct accel *accel, const struct mem_region *region, struct error *error)
{
	struct kvm *kvm = container_of(accel, struct kvm, accel);
	struct kvm_userspace_memory_region slot = {
		.slot = kvm->slot_count,
		.guest_phys_addr = region->base,
		.memory_size = region->size,
		.userspace_addr = (uintptr_t)region->host,
	};
	int ret = kvm_ioctl_ptr(kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);

	if (ret < 0)
		return error_set(error, STATUS_HOST, "KVM: cannot map %llu KiB of guest memory at 0x%llx: %s",
			(unsigned long long)region->size / KiB, (unsigned long long)region->base, strerror(-ret));
	kvm->slot_count++;
	return 0;
}

void *kvm_pages(struct kvm *kvm, size_t size)
{
	uint8_t *pages = kvm->pages;

	assert(size <= KVM_PAGES_SIZE - kvm->pages_used);
	if (!pages) {
		pages = mmap(NULL, KVM_PAGES_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages == MAP_FAILED)
			return NULL;
		kvm->pages = pages;
	}
	pages += kvm->pages_used;
	kvm->pages_used += size;
	return pages;
}

/* The shared records behind ARM DEN0057 stolen time. They lie outside RAM, so the guest's allocator never sees them. */
static int map_pvtime(struct kvm *kvm, struct error *error)
{
	struct mem_region region = { .base = LAYOUT_PVTIME, .size = LAYOUT_PVTIME_SIZE, .fd = -1 };

	region.host = kvm_pages(kvm, region.size);
	if (!region.host)
		return error_set(error, STATUS_HOST, "no memory for the stolen-time records: %s", strerror(errno));
	return kvm_map(&kvm->accel, &region, error);
}

static int create_cpus(struct kvm *kvm, struct error *error)
{
	unsigned int max = kvm->accel.cpus;
	int run_size = kvm_ioctl(kvm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	/* One there always is. */
	if (max > 1)
		max = (unsigned int)kvm_ioctl(kvm->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (kvm->accel.gic_version == 2 && max > 8)
		max = 8;
	if (kvm->accel.cpus > max)
		return error_set(error, STATUS_HOST,
			"--cpus: this host's KVM runs at most %u CPUs in a guest (GICv%u), %u asked for", max,
			kvm->accel.gic_version, kvm->accel.cpus);
	if (run_size < (int)sizeof(struct kvm_run))
		return error_set(error, STATUS_HOST, "KVM: strange size of a CPU's shared page: %d", run_size);
	kvm->run_size = (size_t)run_size;
	for (unsigned int i = 0; i < kvm->accel.cpus; i++)
		if (vcpu_create(&kvm->vcpu[i], kvm, i, error))
			return -1;
	return 0;
}

/* Who takes messages: an ITS, unless there is none or it is not wanted; the board has a GICv2M frame then. */
static int create_its(struct kvm *kvm, struct error *error)
{
	enum msi_kind wanted = kvm->options->msi;
	int ret;

	if (wanted == MSI_V2M)
		return 0;
	ret = gic_create_its(kvm);
	if (ret == -ENODEV && wanted == MSI_AUTO)
		return 0;
	if (ret)
		return error_set(error, STATUS_HOST,
			"KVM: no ITS for PCI devices' interrupts on this host (GICv%u): %s; --kvm msi=v2m does without",
			kvm->accel.gic_version, strerror(-ret));
	kvm->accel.its = true;
	kvm->accel.msi = &kvm_msi_ops;
	return 0;
}

static int kvm_build(struct kvm *kvm, struct error *error)
{
	if (open_dev(kvm, error) || create_vm(kvm, error))
		return -1;
	enable_exits(kvm);
	/* The device first, all CPUs next, then addresses and init: no CPU can be made once the GIC is initialised. */
	if (choose_features(kvm, error) || gic_create(kvm, error) || create_cpus(kvm, error) || gic_init(kvm, error))
		return -1;
	if (kvm->pvtime && map_pvtime(kvm, error))
		return -1;
	if (kvm->options->pci && create_its(kvm, error))
		return -1;
	for (unsigned int i = 0; i < kvm->accel.cpus; i++)
		if (vcpu_start(&kvm->vcpu[i], error))
			return -1;
	return 0;
}

static void open_gate(struct kvm *kvm)
{
	if (kvm->gate_open)
		return;
	kvm->gate_open = true;
	for (unsigned int i = 0; i < kvm->accel.cpus; i++)
		sem_post(&kvm->gate);
}

static int kvm_start(struct accel *accel, gpa_t entry, gpa_t dtb, struct error *error)
{
	struct kvm *kvm = container_of(accel, struct kvm, accel);

	for (unsigned int i = 0; i < accel->cpus; i++)
		vcpu_wait(&kvm->prepared);
	for (unsigned int i = 0; i < accel->cpus; i++) {
		if (kvm->vcpu[i].error.status == STATUS_OK)
			continue;
		*error = kvm->vcpu[i].error;
		return -1;
	}
	if (vcpu_set_entry(&kvm->vcpu[0], entry, dtb, error))
		return -1;
	open_gate(kvm);
	return 0;
}

static void kvm_stop(struct accel *accel)
{
	struct kvm *kvm = container_of(accel, struct kvm, accel);

	__atomic_store_n(&kvm->stopping, true, __ATOMIC_SEQ_CST);
	open_gate(kvm);
	for (unsigned int i = 0; i < accel->cpus; i++)
		vcpu_kick(&kvm->vcpu[i]);
	for (unsigned int i = 0; i < accel->cpus; i++)
		vcpu_join(&kvm->vcpu[i]);
}

static void kvm_collect_stats(struct accel *accel, struct stats *total)
{
	const struct kvm *kvm = container_of(accel, struct kvm, accel);

	if (!kvm->irq_stats)
		return;
	stats_merge(total, kvm->irq_stats);
	for (unsigned int i = 0; i < accel->cpus; i++)
		stats_merge(total, kvm->vcpu[i].stats);
}

static void kvm_destroy(struct accel *accel)
{
	struct kvm *kvm = container_of(accel, struct kvm, accel);

	kvm_stop(accel);
	kvm_irq_destroy(kvm);
	kvm_msi_destroy(kvm);
	for (unsigned int i = 0; i < accel->cpus; i++)
		vcpu_destroy(&kvm->vcpu[i]);
	if (kvm->its_fd >= 0)
		close(kvm->its_fd);
	if (kvm->gic_fd >= 0)
		close(kvm->gic_fd);
	if (kvm->vm_fd >= 0)
		close(kvm->vm_fd);
	if (kvm->dev_fd >= 0)
		close(kvm->dev_fd);
	if (kvm->pages)
		munmap(kvm->pages, KVM_PAGES_SIZE);
	sem_destroy(&kvm->prepared);
	sem_destroy(&kvm->gate);
	free(kvm->irq_stats);
	free(kvm->vcpu);
	free(kvm);
}

/* One for the devices' calls and one for each CPU, in one piece; without --stats there are none. */
static int create_stats(struct kvm *kvm, struct error *error)
{
	if (!kvm->options->stats)
		return 0;
	kvm->irq_stats = calloc(kvm->accel.cpus + 1, sizeof(*kvm->irq_stats));
	if (!kvm->irq_stats)
		return error_set(error, STATUS_HOST, "out of memory");
	for (unsigned int i = 0; i < kvm->accel.cpus; i++)
		kvm->vcpu[i].stats = kvm->irq_stats + 1 + i;
	return 0;
}

static const struct accel_ops kvm_accel_ops = {
	.map = kvm_map,
	.spi = kvm_irq_spi,
	.mirror = kvm_mirror_create,
	.start = kvm_start,
	.stop = kvm_stop,
	.collect_stats = kvm_collect_stats,
	.destroy = kvm_destroy,
};

int accel_available(struct error *error)
{
	(void)error; /* /dev/kvm is accel_open's to judge */
	return 0;
}

struct accel *accel_open_host(const struct options *options, struct accel_machine *machine, struct error *error)
{
	struct kvm *kvm = calloc(1, sizeof(*kvm));

	if (kvm)
		kvm->vcpu = calloc(options->cpus, sizeof(*kvm->vcpu));
	if (!kvm || !kvm->vcpu) {
		free(kvm);
		error_set(error, STATUS_HOST, "out of memory");
		return NULL;
	}
	sem_init(&kvm->prepared, 0, 0);
	sem_init(&kvm->gate, 0, 0);
	kvm->accel.ops = &kvm_accel_ops;
	kvm->accel.cpus = options->cpus;
	kvm->accel.doorbell = options->ioeventfd ? &kvm_doorbell_ops : NULL;
	kvm->machine = machine;
	kvm->options = options;
	kvm->dev_fd = kvm->vm_fd = kvm->gic_fd = kvm->its_fd = kvm->resample.fd = kvm->sensed.fd = -1;
	for (unsigned int i = 0; i < options->cpus; i++)
		kvm->vcpu[i] = (struct vcpu){ .fd = -1, .track = trace_cpu(machine->trace, i) };
	if (create_stats(kvm, error) || kvm_build(kvm, error)) {
		kvm_destroy(&kvm->accel);
		return NULL;
	}
	return &kvm->accel;
}
