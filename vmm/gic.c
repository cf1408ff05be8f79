/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM's in-kernel interrupt controller: GICv3, or GICv2 on hosts that have only that (never both: Raspberry Pi 4 and 5 have
 * a GIC-400); and a GICv3's ITS. Documentation/virt/kvm/devices/arm-vgic-v3.rst, arm-vgic.rst and arm-vgic-its.rst.
 */
#include "kvm.h"

#include <errno.h>
#include <string.h>

int gic_create(struct kvm *kvm, struct error *error)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	int ret = kvm_ioctl_ptr(kvm->vm_fd, KVM_CREATE_DEVICE, &device);

	kvm->accel.gic_version = 3;
	if (ret == -ENODEV) {
		device.type = KVM_DEV_TYPE_ARM_VGIC_V2;
		ret = kvm_ioctl_ptr(kvm->vm_fd, KVM_CREATE_DEVICE, &device);
		kvm->accel.gic_version = 2;
	}
	if (ret < 0)
		return error_set(error, STATUS_HOST,
			"KVM: no interrupt controller for guests, neither GICv3 nor GICv2: %s", strerror(-ret));
	kvm->gic_fd = (int)device.fd;
	return 0;
}

int gic_create_its(struct kvm *kvm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_ARM_VGIC_ITS };
	uint64_t base = LAYOUT_ITS;
	int ret = kvm->accel.gic_version == 3 ? kvm_ioctl_ptr(kvm->vm_fd, KVM_CREATE_DEVICE, &device) : -ENODEV;

	if (ret < 0)
		return ret;
	kvm->its_fd = (int)device.fd;
	ret = kvm_set_attr(kvm->its_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE, &base);
	if (!ret)
		ret = kvm_set_attr(kvm->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	return ret;
}

int gic_init(struct kvm *kvm, struct error *error)
{
	uint64_t dist = LAYOUT_GICD, cpu = LAYOUT_GICC, redist = LAYOUT_GICR;
	/* INTIDs: 32 private ones and the SPIs; a multiple of 32 below 1024. */
	uint32_t irqs = 32 + LAYOUT_SPIS;
	bool v3 = kvm->accel.gic_version == 3;
	int ret = kvm_set_attr(kvm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR,
		v3 ? KVM_VGIC_V3_ADDR_TYPE_DIST : KVM_VGIC_V2_ADDR_TYPE_DIST, &dist);

	if (!ret)
		ret = v3 ? kvm_set_attr(kvm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist)
			 : kvm_set_attr(kvm->gic_fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_CPU, &cpu);
	if (!ret)
		ret = kvm_set_attr(kvm->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &irqs);
	if (!ret)
		ret = kvm_set_attr(kvm->gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (ret)
		return error_set(error, STATUS_HOST, "KVM: cannot set up the guest's GICv%u: %s",
			kvm->accel.gic_version, strerror(-ret));
	return 0;
}
