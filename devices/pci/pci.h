/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PCI function as its device sees it: a type 0 configuration space, base address registers, INTx and MSI-X (PCI Local
 * Bus 3.0, chapter 6; PCI Express Base, 7.5.1). A device fills the tables in before it is plugged into a host bridge
 * (host.h), and from then on is told what the guest changed. No bridges, no multi-function devices, no hotplug, no
 * extended capabilities: bytes 256 to 4095 read 0.
 *
 * BARs. What a BAR's register says and where it answers never differ while it is decoded: an address that cannot be had
 * (outside the windows, over another BAR, the ECAM or RAM) is refused as a whole, the register keeps the old one and the
 * old one still answers; a Command write that would decode such a BAR leaves the enable bit clear, for all BARs of that
 * space, and changes the others. All ones written while decoding is on is a sizing write: the size is read back, the BAR
 * stays where it is.
 *
 * A 64-bit BAR that is decoded gets its address in two writes, the first of which may make one that cannot be had. So the
 * bytes last written to each half are kept beside the register, which shows what is decoded; whenever the two halves
 * together make an address that can be had, the BAR moves there and the register says so. Bytes of a narrow write come
 * together in the same way. Turning decoding off forgets them, and changes nothing that the register reads.
 */
#ifndef MINIVMM_PCI_H
#define MINIVMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "core/state.h"
#include "core/util.h"

#define PCI_CONFIG_SIZE	  4096 /* of a function, in the ECAM */
#define PCI_CONFIG_STORED 256 /* what is not zero for ever */
#define PCI_SLOTS	  32
#define PCI_MSIX_MAX	  2048 /* table entries, the field's limit */
#define PCI_NO_SLOT	  UINT32_MAX /* pci_host_plug: any free one */
#ifndef PCI_BARS /* tests/proofs has fewer */
#define PCI_BARS 6
#endif

struct pci_device;
struct pci_host;

enum pci_bar_kind {
	PCI_BAR_NONE,
	PCI_BAR_IO, /* at most 256 bytes (PCI 3.0, 6.2.5.1) */
	PCI_BAR_MEM32,
	PCI_BAR_MEM64, /* takes this BAR and the next one, whose kind is PCI_BAR_NONE */
};

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	/* name, ops, opaque and size (a power of two) are the device's; base is set, and the region on the bus, by the host. */
	struct bus_region region;
	bool mapped; /* decoded: on the bus at region.base */
	uint64_t addr; /* bus address: where it is decoded, or what the register holds while it is not */
	uint64_t assigned; /* bus address given by pci_host_plug, to which a reset returns */
	uint32_t written[2]; /* while mapped: what the guest wrote last to each half; all ones sizes that half */
};

/* What a device is told. Every hook may be NULL, but not the table. */
struct pci_device_ops {
	/*
	 * bar is about to leave the bus, and has just been put on it at region.base: where doorbells inside of it are taken
	 * down and set up. A move is an unmap and a map, with nothing of the guest's in between.
	 */
	void (*bar_unmap)(struct pci_device *d, unsigned int bar);
	void (*bar_map)(struct pci_device *d, unsigned int bar);
	/*
	 * A configuration access to [window, window + window_size), the device's own bytes (VIRTIO_PCI_CAP_PCI_CFG's
	 * pci_cfg_data): offset counts from window. size is 1, 2 or 4, all of it inside the window.
	 */
	uint32_t (*window_read)(struct pci_device *d, unsigned int offset, unsigned int size);
	void (*window_write)(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value);
	/*
	 * The guest wrote configuration bytes, some of which can be written, that are no business of the host's (in a vendor
	 * capability). After the fact. offset is from the start of the configuration space.
	 */
	void (*config_written)(struct pci_device *d, unsigned int offset, unsigned int size);
	/*
	 * A vector can from now on be sent, or cannot any more: MSI-X enabled, bus mastering, function mask, the vector's own
	 * mask and whether the machine takes its message, all together. Only called for vectors in use (pci_msix_use), not out
	 * of pci_msix_use and pci_msix_unuse; before it can no more (but where the machine does not take a message: after),
	 * after it can again and what was pending has been sent.
	 */
	void (*vector_masked)(struct pci_device *d, unsigned int vector, bool masked);
	/*
	 * Has somebody else than pci_msix_notify signalled this masked vector? For the PBA, and asked before an unmask; takes
	 * nothing away. What is signalled between that and vector_masked(false) is the device's to notice there.
	 */
	bool (*vector_pending)(struct pci_device *d, unsigned int vector);
	/* Bus Master changed. Turned off, before its vectors are masked by that; turned on, after they are sent again. */
	void (*bus_master)(struct pci_device *d, bool on);
	/* MSI-X Enable changed: INTx is out of use while it is set. Called before vectors unmask, and after they were masked. */
	void (*msix_enabled)(struct pci_device *d, bool on);
};

struct pci_msix_entry {
	uint64_t addr;
	uint32_t data, control; /* bit 0 of control masks */
	struct irq *irq; /* NULL until the vector is first unmasked while in use; kept until the device is unplugged */
	uint64_t route_addr; /* what irq sends, so that an unchanged entry costs no call */
	uint32_t route_data;
	bool routed;
	bool live; /* can be sent now, and the device knows */
	bool pending;
	unsigned int users; /* pci_msix_use calls */
};

struct pci_msix {
	struct pci_msix_entry *entry; /* count of them; NULL: no MSI-X */
	unsigned int count;
	unsigned int cap; /* offset of the capability */
	unsigned int table_bar, table_offset, pba_bar, pba_offset;
};

/* Embedded in the device. Zeroed, then filled in up to `host` before pci_host_plug. */
struct pci_device {
	const char *name; /* "virtio-rng": in messages and statistics */
	const struct pci_device_ops *ops;
	uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_id;
	uint8_t revision;
	uint32_t class_code; /* base class, sub-class, interface: 24 bits */
	bool intx; /* INTA# */
	struct pci_bar bar[PCI_BARS];
	unsigned int window, window_size; /* see window_read; multiples of 4, size 0: none */

	struct pci_host *host; /* NULL while unplugged; from here on the host's */
	unsigned int slot;
	uint8_t config[PCI_CONFIG_STORED];
	uint8_t writable[PCI_CONFIG_STORED]; /* bits that a plain write changes */
	unsigned int cap_end, cap_last; /* where the next capability goes, the last one's offset */
	bool intx_level; /* what the device drives, whether or not it gets through */
	struct pci_msix msix;
};

/*
 * Before plugging. Appends a capability of len bytes (at least 2: id and next are filled in here) at a 4-byte boundary.
 * Its offset, or -ENOSPC. writable: NULL when all of it is read-only, else a mask of len bytes.
 */
must_check int pci_add_capability(
	struct pci_device *d, uint8_t id, const void *bytes, const uint8_t *writable, unsigned int len);
/*
 * Before plugging, at most once: MSI-X with count (1 to PCI_MSIX_MAX) vectors, table and PBA inside BARs of the device's, whose bus_ops pass
 * accesses there on to pci_msix_{table,pba}_*. 0, -ENOMEM or -ENOSPC. pci_host_unplug frees it, also when the device
 * never was plugged.
 */
must_check int pci_add_msix(struct pci_device *d, unsigned int count, unsigned int table_bar, unsigned int table_offset,
	unsigned int pba_bar, unsigned int pba_offset);

/* Plain bytes of the stored configuration space, little endian, for the device itself. */
uint32_t pci_config_get(const struct pci_device *d, unsigned int offset, unsigned int size);
void pci_config_set(struct pci_device *d, unsigned int offset, unsigned int size, uint32_t value);

/* Drives INTA#. Kept while MSI-X or Command's Interrupt Disable hold it back; Status' Interrupt Status shows it. */
void pci_set_intx(struct pci_device *d, bool level);
/* Bus mastering is off until the guest sets it: a device then may neither touch guest memory nor send a message. */
bool pci_bus_master(const struct pci_device *d);

static inline bool pci_has_vector(const struct pci_device *d, uint32_t vector)
{
	return vector < d->msix.count;
}
bool pci_msix_enabled(const struct pci_device *d);
/*
 * Claims a vector for one source of interrupts, and gives it back. The vector exists; several sources may share it. When
 * the last is gone its pending bit is too.
 */
void pci_msix_use(struct pci_device *d, unsigned int vector);
void pci_msix_unuse(struct pci_device *d, unsigned int vector);
/*
 * Sends the vector's message, or sets its pending bit while it is masked or bus mastering is off; nothing with MSI-X off or
 * when nobody claimed the vector. The vector exists. One whose message the machine does not take (msi_ops.alloc or route
 * failed) is silent and pending, and is tried again when the guest next changes something that decides about it.
 */
void pci_msix_notify(struct pci_device *d, unsigned int vector);
/* An eventfd that sends it, -1 when there is none now (masked, MSI-X off, or the machine has only irq_raise). */
int pci_msix_fd(struct pci_device *d, unsigned int vector);

/* For the device's bus_ops: offset from the start of the table or PBA; outside of it reads give 0, writes are dropped. */
uint64_t pci_msix_table_read(struct pci_device *d, uint64_t offset, unsigned int size);
void pci_msix_table_write(struct pci_device *d, uint64_t offset, unsigned int size, uint64_t value);
uint64_t pci_msix_pba_read(struct pci_device *d, uint64_t offset, unsigned int size);

/*
 * As after power on: decoding, bus mastering and MSI-X off, BARs back where pci_host_plug put them, every bit that the
 * guest can write 0. The device hears of it through its hooks. Its INTx level and the vectors it uses are its own.
 */
void pci_device_reset(struct pci_device *d);

/*
 * Configuration space, BARs and MSI-X, saved and loaded by one list, inside the device's own section; what is loaded
 * passes the guest's checks. Loading resets first, calls the hooks as the guest's writes would, and leaves claiming
 * vectors (before or after) to the device.
 */
void pci_device_state(struct pci_device *d, struct state *s);

#endif
