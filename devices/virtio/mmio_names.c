/* SPDX-License-Identifier: Apache-2.0 */
/* What virtio-mmio's registers are called, for statistics and traces. */
#include <linux/virtio_mmio.h>

#include "mmio.h"

/* Names as virtio 4.2.2 spells them; the older QueueNum and QueueNumMax are QueueSize and QueueSizeMax there. */
const char *virtio_mmio_reg_name(uint64_t offset)
{
	static const char *const names[VIRTIO_MMIO_CONFIG / 4] = {
		[VIRTIO_MMIO_MAGIC_VALUE / 4] = "MagicValue",
		[VIRTIO_MMIO_VERSION / 4] = "Version",
		[VIRTIO_MMIO_DEVICE_ID / 4] = "DeviceID",
		[VIRTIO_MMIO_VENDOR_ID / 4] = "VendorID",
		[VIRTIO_MMIO_DEVICE_FEATURES / 4] = "DeviceFeatures",
		[VIRTIO_MMIO_DEVICE_FEATURES_SEL / 4] = "DeviceFeaturesSel",
		[VIRTIO_MMIO_DRIVER_FEATURES / 4] = "DriverFeatures",
		[VIRTIO_MMIO_DRIVER_FEATURES_SEL / 4] = "DriverFeaturesSel",
		[VIRTIO_MMIO_QUEUE_SEL / 4] = "QueueSel",
		[VIRTIO_MMIO_QUEUE_NUM_MAX / 4] = "QueueSizeMax",
		[VIRTIO_MMIO_QUEUE_NUM / 4] = "QueueSize",
		[VIRTIO_MMIO_QUEUE_READY / 4] = "QueueReady",
		[VIRTIO_MMIO_QUEUE_NOTIFY / 4] = "QueueNotify",
		[VIRTIO_MMIO_INTERRUPT_STATUS / 4] = "InterruptStatus",
		[VIRTIO_MMIO_INTERRUPT_ACK / 4] = "InterruptACK",
		[VIRTIO_MMIO_STATUS / 4] = "Status",
		[VIRTIO_MMIO_QUEUE_DESC_LOW / 4] = "QueueDescLow",
		[VIRTIO_MMIO_QUEUE_DESC_HIGH / 4] = "QueueDescHigh",
		[VIRTIO_MMIO_QUEUE_AVAIL_LOW / 4] = "QueueDriverLow",
		[VIRTIO_MMIO_QUEUE_AVAIL_HIGH / 4] = "QueueDriverHigh",
		[VIRTIO_MMIO_QUEUE_USED_LOW / 4] = "QueueDeviceLow",
		[VIRTIO_MMIO_QUEUE_USED_HIGH / 4] = "QueueDeviceHigh",
		[VIRTIO_MMIO_SHM_SEL / 4] = "SHMSel",
		[VIRTIO_MMIO_SHM_LEN_LOW / 4] = "SHMLenLow",
		[VIRTIO_MMIO_SHM_LEN_HIGH / 4] = "SHMLenHigh",
		[VIRTIO_MMIO_SHM_BASE_LOW / 4] = "SHMBaseLow",
		[VIRTIO_MMIO_SHM_BASE_HIGH / 4] = "SHMBaseHigh",
		[VIRTIO_MMIO_REG_QUEUE_RESET / 4] = "QueueReset",
		[VIRTIO_MMIO_CONFIG_GENERATION / 4] = "ConfigGeneration",
	};

	if (offset >= VIRTIO_MMIO_CONFIG)
		return "Config";
	return offset % 4 ? NULL : names[offset / 4];
}
