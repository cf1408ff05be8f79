/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's physical address map and interrupt numbers: those of QEMU's `virt` board (hw/arm/virt.c), so that programs,
 * firmware and qtest traces made for it run here unmodified. The one addition is the exit register.
 *
 *	0x0800_0000  GICD, 64 KiB		0x0900_0000  PL011, SPI 1; or a 16550A, at the same SPI
 *	0x0801_0000  GICC (GICv2), 64 KiB	0x0901_0000  PL031, SPI 2
 *	0x0802_0000  GICv2M			0x0903_0000  PL061, SPI 7
 *	0x0808_0000  ITS			0x090a_0000  stolen-time pages, 64 KiB
 *	0x080a_0000  GICR, 123 x 128 KiB	0x090d_0000  exit register (minivmm's own)
 *	0x0a00_0000  virtio-mmio, 32 x 0x200, SPI 16..47; nothing else below 0x0a01_0000, which one host page may hold
 *	0x1000_0000  PCI 32-bit memory		0x3eff_0000  PCI I/O, 64 KiB; INTx SPI 3..6, GICv2M SPI 48..111
 *	0x4000_0000  RAM
 *	0x40_1000_0000  PCI ECAM, of bus 0	0x80_0000_0000  PCI 64-bit memory
 *
 * On a host with fewer than 40 bits for guest addresses the ECAM is at 0x3f00_0000, and there is no 64-bit memory.
 */
#ifndef MINIVMM_LAYOUT_H
#define MINIVMM_LAYOUT_H

#include "core/util.h"

#define LAYOUT_GICD	    0x08000000ULL
#define LAYOUT_GICC	    0x08010000ULL
#define LAYOUT_GICV2M	    0x08020000ULL
#define LAYOUT_ITS	    0x08080000ULL
#define LAYOUT_ITS_SIZE	    (128 * KiB)
#define LAYOUT_GICR	    0x080a0000ULL
#define LAYOUT_GICR_SIZE    (128 * KiB) /* for one CPU */
#define LAYOUT_PL011	    0x09000000ULL
#define LAYOUT_PL031	    0x09010000ULL
#define LAYOUT_PL061	    0x09030000ULL
#define LAYOUT_PVTIME	    0x090a0000ULL
#define LAYOUT_PVTIME_SIZE  (64 * KiB) /* one 64-byte record a CPU; 64 KiB is the largest host page */
#define LAYOUT_EXIT	    0x090d0000ULL
#define LAYOUT_VIRTIO	    0x0a000000ULL
#define LAYOUT_VIRTIO_SIZE  0x200ULL
#define LAYOUT_VIRTIO_COUNT 32
#define LAYOUT_PCI_MEM32    0x10000000ULL
#define LAYOUT_PCI_IO	    0x3eff0000ULL
#define LAYOUT_PCI_IO_SIZE  (64 * KiB)
#define LAYOUT_PCI_ECAM_LOW 0x3f000000ULL /* where the guest has fewer address bits than LAYOUT_PCI_BITS */
#define LAYOUT_RAM	    0x40000000ULL
#define LAYOUT_RAM_END	    0x4000000000ULL /* 255 GiB of RAM; the high PCI windows lie above */
#define LAYOUT_PCI_ECAM	    0x4010000000ULL
#define LAYOUT_PCI_MEM64    0x8000000000ULL /* to the end of the address space */
#define LAYOUT_PCI_BITS	    40 /* of guest physical addresses, for the two above */

/* Where messages to the ITS are sent: GITS_TRANSLATER (GICv3 architecture, 12.18). */
#define LAYOUT_ITS_TRANSLATER (LAYOUT_ITS + 0x10040)

/* SPI numbers: INTID - 32. */
#define LAYOUT_SPI_PL011  1
#define LAYOUT_SPI_PL031  2
#define LAYOUT_SPI_INTX	  3 /* 4 of them */
#define LAYOUT_SPI_PL061  7
#define LAYOUT_SPI_VIRTIO 16
#define LAYOUT_SPI_GICV2M 48 /* 64 of them */
#define LAYOUT_SPIS	  128 /* a guest sets each of them up: two exits and more */

/* PPI numbers: INTID - 16. */
#define LAYOUT_PPI_PMU 7

#endif
