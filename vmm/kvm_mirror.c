/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mirror (core/mirror.h) as a read-only memory slot, KVM_MEM_READONLY: the guest's reads are loads of our page, its writes
 * fault and come as KVM_EXIT_MMIO or ring an ioeventfd in the page, as ever.
 *
 * Theory of operation. We store through an ordinary, cacheable mapping; the guest maps what it takes for registers as Device
 * memory. With FEAT_S2FWB the host's stage 2 makes that a cacheable access and the two agree. Without it the stricter attribute
 * wins and the guest reads past every cache, from memory, where a line that we have only stored to is not yet. So each store is
 * followed by a clean to the point of coherency, and by a DSB, since neither the eventfd write that raises the interrupt nor the
 * return to the guest has to wait for it otherwise. Linux lets EL0 do that: SCTLR_EL1.UCI is set, or it is trapped and done for
 * us. There is no stale line on our side to be invalidated, as nobody else writes; and what was stored before the guest first
 * reached the page, or before the kernel moved it, KVM cleans itself as it maps it (clean_dcache_guest_page).
 *
 * It is done on every host. The feature's field of ID_AA64MMFR2_EL1 is among those that EL0 reads as zero, and what a vCPU's
 * copy of the register shows is what the guest is to believe. Three instructions where none were needed are cheaper than being
 * wrong: an emulated host, which has no caches, would never show it.
 */
#include "kvm.h"

#include <unistd.h>

static void publish(struct mirror *mirror, const uint32_t *word)
{
	(void)mirror;
	__asm__ volatile("dc cvac, %0\n\tdsb sy" : : "r"(word) : "memory");
}

static int set_slot(const struct kvm_mirror *m, uint64_t size)
{
	struct kvm_userspace_memory_region slot = {
		.slot = m->slot,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = m->mirror.base,
		.memory_size = size,
		.userspace_addr = (uintptr_t)m->mirror.host,
	};

	return kvm_ioctl_ptr(m->kvm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

/* A slot that cannot be had back stays away: reads are exits from then on, slower and not wrong. */
static void hide(struct mirror *mirror, bool hidden)
{
	(void)set_slot(container_of(mirror, struct kvm_mirror, mirror), hidden ? 0 : mirror->size);
}

struct mirror *kvm_mirror_create(struct accel *accel, gpa_t base, uint64_t size)
{
	static const struct mirror_ops ops = { .publish = publish, .hide = hide };
	struct kvm *kvm = container_of(accel, struct kvm, accel);
	struct kvm_mirror *m = &kvm->mirror;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *host;

	if (!kvm->options->mirror || base % page)
		return NULL;
	size = ALIGN_UP(size, page);
	host = kvm_pages(kvm, size);
	if (!host)
		return NULL;
	*m = (struct kvm_mirror){
		.mirror = { .ops = &ops, .base = base, .size = size, .host = host },
		.kvm = kvm,
		.slot = kvm->slot_count,
	};
	/* Without KVM_CAP_READONLY_MEM it is refused. */
	if (set_slot(m, size) < 0)
		return NULL;
	kvm->slot_count++;
	return &m->mirror;
}
