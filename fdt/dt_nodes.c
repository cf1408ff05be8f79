/* SPDX-License-Identifier: Apache-2.0 */
/* See dt_nodes.h. Property by property as the Linux device tree bindings (Documentation/devicetree/bindings) name them. */
#include "dt_nodes.h"

#include <stdbool.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A list of strings as one property value; the literal's own NUL ends the last one. */
#define DT_STRS(dt, prop, list) dt_strs(dt, prop, list, sizeof(list))

/* bindings/interrupt-controller/arm,gic-v3.yaml: type, number, flags. */
enum { GIC_SPI = 0, GIC_PPI = 1 };
enum { IRQ_EDGE_RISING = 1, IRQ_LEVEL_HIGH = 4 };

/*
 * A PCI address' first cell (IEEE 1275 PCI binding, 2.2.1.1): the space, and the slot's place in it. 64-bit memory is
 * prefetchable: its BARs are, and Linux finds fault with any other window of 4 GiB and more.
 */
enum { PCI_SPACE_IO = 0x01000000, PCI_SPACE_MEM32 = 0x02000000, PCI_SPACE_MEM64 = 0x43000000 };
#define PCI_SLOT_SHIFT 11
#define PCI_REQUESTERS 0x10000

/* PPI numbers, INTID - 16 (Arm BSA, table of PPI INTIDs). */
enum { PPI_TIMER_SECURE = 13, PPI_TIMER_PHYS = 14, PPI_TIMER_VIRT = 11, PPI_TIMER_HYP = 10, PPI_PMU = 7 };

/* Aff3 and Aff2..Aff0 of MPIDR_EL1: what a cpu node's reg may hold (bindings/arm/cpus.yaml). */
#define MPIDR_AFFINITY 0xff00ffffffULL

#define APB_CLOCK_HZ   24000000
#define KEY_POWER      116 /* linux/input-event-codes.h */
#define PRIMECELL_SIZE 0x1000

static uint32_t ppi_flags(unsigned int gicv2_cpus)
{
	/* GICv2: bits 15:8 name the CPUs the interrupt is wired to; GICv3 has no such field (pitfall: it overflows). */
	return gicv2_cpus ? ((1u << gicv2_cpus) - 1) << 8 | IRQ_LEVEL_HIGH : IRQ_LEVEL_HIGH;
}

static void add_spi(struct dt *dt, uint32_t spi, uint32_t flags)
{
	const uint32_t cells[] = { GIC_SPI, spi, flags };

	dt_cells(dt, "interrupts", cells, COUNT(cells));
}

void dt_begin_root(struct dt *dt)
{
	dt_begin(dt, "");
	dt_str(dt, "compatible", "linux,dummy-virt");
	dt_str(dt, "model", "minivmm");
	dt_u32(dt, "#address-cells", 2);
	dt_u32(dt, "#size-cells", 2);
	dt_u32(dt, "interrupt-parent", DT_PHANDLE_GIC);
	/* Everything that does DMA here reads RAM through the host's caches. */
	dt_empty(dt, "dma-coherent");
}

void dt_add_chosen(struct dt *dt, const struct dt_chosen *chosen)
{
	dt_begin(dt, "chosen");
	if (chosen->bootargs)
		dt_str(dt, "bootargs", chosen->bootargs);
	if (chosen->stdout_path)
		dt_str(dt, "stdout-path", chosen->stdout_path);
	if (chosen->initrd_size) {
		dt_u64(dt, "linux,initrd-start", chosen->initrd);
		dt_u64(dt, "linux,initrd-end", chosen->initrd + chosen->initrd_size);
	}
	if (chosen->kaslr_seed)
		dt_u64(dt, "kaslr-seed", chosen->kaslr_seed);
	if (chosen->rng_seed)
		dt_bytes(dt, "rng-seed", chosen->rng_seed, chosen->rng_seed_len);
	dt_end(dt);
}

void dt_add_memory(struct dt *dt, uint64_t base, uint64_t size)
{
	dt_begin_at(dt, "memory", base);
	dt_str(dt, "device_type", "memory");
	dt_reg(dt, base, size);
	dt_end(dt);
}

static void add_cpu(struct dt *dt, uint64_t affinity, bool wide)
{
	dt_begin_at(dt, "cpu", affinity);
	dt_str(dt, "device_type", "cpu");
	dt_str(dt, "compatible", "arm,armv8");
	if (wide)
		dt_u64(dt, "reg", affinity);
	else
		dt_u32(dt, "reg", (uint32_t)affinity);
	dt_str(dt, "enable-method", "psci");
	dt_end(dt);
}

void dt_add_cpus(struct dt *dt, const uint64_t *mpidr, unsigned int count)
{
	bool wide = false;

	for (unsigned int i = 0; i < count; i++)
		wide |= (mpidr[i] & MPIDR_AFFINITY) > UINT32_MAX;
	dt_begin(dt, "cpus");
	dt_u32(dt, "#address-cells", wide ? 2 : 1);
	dt_u32(dt, "#size-cells", 0);
	for (unsigned int i = 0; i < count; i++)
		add_cpu(dt, mpidr[i] & MPIDR_AFFINITY, wide);
	dt_end(dt);
}

void dt_add_psci(struct dt *dt)
{
	dt_begin(dt, "psci");
	DT_STRS(dt, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	dt_str(dt, "method", "hvc");
	dt_end(dt);
}

void dt_add_timer(struct dt *dt, unsigned int gicv2_cpus)
{
	const uint32_t flags = ppi_flags(gicv2_cpus);
	/* The order is the binding's (bindings/timer/arm,arch_timer.yaml). */
	const uint32_t cells[] = { GIC_PPI, PPI_TIMER_SECURE, flags, GIC_PPI, PPI_TIMER_PHYS, flags, GIC_PPI,
		PPI_TIMER_VIRT, flags, GIC_PPI, PPI_TIMER_HYP, flags };

	dt_begin(dt, "timer");
	dt_str(dt, "compatible", "arm,armv8-timer");
	dt_cells(dt, "interrupts", cells, COUNT(cells));
	dt_empty(dt, "always-on");
	dt_end(dt);
}

void dt_add_pmu(struct dt *dt, unsigned int gicv2_cpus)
{
	const uint32_t cells[] = { GIC_PPI, PPI_PMU, ppi_flags(gicv2_cpus) };

	dt_begin(dt, "pmu");
	dt_str(dt, "compatible", "arm,armv8-pmuv3");
	dt_cells(dt, "interrupts", cells, COUNT(cells));
	dt_end(dt);
}

/* Opens the interrupt controller: two register ranges, and addresses of children as they are. */
static void begin_gic(struct dt *dt, struct dt_range first, struct dt_range second)
{
	const uint64_t ranges[] = { first.base, first.size, second.base, second.size };
	uint32_t cells[2 * COUNT(ranges)];

	for (size_t i = 0; i < COUNT(ranges); i++) {
		cells[2 * i] = (uint32_t)(ranges[i] >> 32);
		cells[2 * i + 1] = (uint32_t)ranges[i];
	}
	dt_begin_at(dt, "intc", first.base);
	dt_u32(dt, "phandle", DT_PHANDLE_GIC);
	dt_empty(dt, "interrupt-controller");
	dt_u32(dt, "#interrupt-cells", 3);
	dt_u32(dt, "#address-cells", 2);
	dt_u32(dt, "#size-cells", 2);
	dt_empty(dt, "ranges");
	dt_cells(dt, "reg", cells, COUNT(cells));
}

static void add_msi(struct dt *dt, const struct dt_msi *msi)
{
	if (msi->its.size) {
		dt_begin_at(dt, "its", msi->its.base);
		dt_u32(dt, "phandle", DT_PHANDLE_ITS);
		dt_str(dt, "compatible", "arm,gic-v3-its");
		dt_empty(dt, "msi-controller");
		dt_u32(dt, "#msi-cells", 1);
		dt_reg(dt, msi->its.base, msi->its.size);
		dt_end(dt);
	}
	if (msi->v2m.size) {
		/* Which SPIs are its, its registers say. */
		dt_begin_at(dt, "v2m", msi->v2m.base);
		dt_u32(dt, "phandle", DT_PHANDLE_V2M);
		dt_str(dt, "compatible", "arm,gic-v2m-frame");
		dt_empty(dt, "msi-controller");
		dt_reg(dt, msi->v2m.base, msi->v2m.size);
		dt_end(dt);
	}
}

void dt_add_gic_v3(struct dt *dt, struct dt_range dist, struct dt_range redist, const struct dt_msi *msi)
{
	begin_gic(dt, dist, redist);
	dt_str(dt, "compatible", "arm,gic-v3");
	dt_u32(dt, "#redistributor-regions", 1);
	add_msi(dt, msi);
	dt_end(dt);
}

void dt_add_gic_v2(struct dt *dt, struct dt_range dist, struct dt_range cpu, const struct dt_msi *msi)
{
	begin_gic(dt, dist, cpu);
	dt_str(dt, "compatible", "arm,cortex-a15-gic");
	add_msi(dt, msi);
	dt_end(dt);
}

/* Seven cells of "ranges": the bus address of a space, the CPU's, the size. */
static size_t pci_range(uint32_t *cells, uint32_t space, uint64_t bus, struct dt_range cpu)
{
	const uint64_t numbers[] = { bus, cpu.base, cpu.size };

	cells[0] = space;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		cells[1 + 2 * i] = (uint32_t)(numbers[i] >> 32);
		cells[2 + 2 * i] = (uint32_t)numbers[i];
	}
	return 1 + 2 * COUNT(numbers);
}

static void add_pci_ranges(struct dt *dt, const struct dt_pcie *pcie)
{
	uint32_t cells[21];
	size_t count = pci_range(cells, PCI_SPACE_IO, 0, pcie->io);

	count += pci_range(cells + count, PCI_SPACE_MEM32, pcie->mem32.base, pcie->mem32);
	if (pcie->mem64.size)
		count += pci_range(cells + count, PCI_SPACE_MEM64, pcie->mem64.base, pcie->mem64);
	dt_cells(dt, "ranges", cells, count);
}

/* Slots repeat after four, as lines do: the mask leaves the slot's low two bits and the pin. */
static void add_pci_interrupts(struct dt *dt, uint32_t first)
{
	const uint32_t mask[] = { 3u << PCI_SLOT_SHIFT, 0, 0, 7 };
	uint32_t cells[16 * 10], *cell = cells;

	for (uint32_t slot = 0; slot < 4; slot++)
		for (uint32_t pin = 0; pin < 4; pin++) {
			/* The child's address and pin, INTA# being 1; the parent, its address (of two cells), its interrupt. */
			const uint32_t row[10] = { slot << PCI_SLOT_SHIFT, 0, 0, pin + 1, DT_PHANDLE_GIC, 0, 0, GIC_SPI,
				first + (slot + pin) % 4, IRQ_LEVEL_HIGH };

			for (size_t i = 0; i < COUNT(row); i++)
				*cell++ = row[i];
		}
	dt_u32(dt, "#interrupt-cells", 1);
	dt_cells(dt, "interrupt-map-mask", mask, COUNT(mask));
	dt_cells(dt, "interrupt-map", cells, COUNT(cells));
}

/* bindings/pci/host-generic-pci.yaml and pci-msi.txt. */
void dt_add_pcie(struct dt *dt, const struct dt_pcie *pcie)
{
	const uint32_t bus_range[] = { 0, 0 };
	const uint32_t msi_map[] = { 0, DT_PHANDLE_ITS, 0, PCI_REQUESTERS };

	dt_begin_at(dt, "pcie", pcie->ecam.base);
	dt_str(dt, "compatible", "pci-host-ecam-generic");
	dt_str(dt, "device_type", "pci");
	dt_u32(dt, "#address-cells", 3);
	dt_u32(dt, "#size-cells", 2);
	dt_u32(dt, "linux,pci-domain", 0);
	dt_cells(dt, "bus-range", bus_range, COUNT(bus_range));
	dt_empty(dt, "dma-coherent");
	dt_reg(dt, pcie->ecam.base, pcie->ecam.size);
	add_pci_ranges(dt, pcie);
	add_pci_interrupts(dt, pcie->intx_spi);
	if (pcie->msi->its.size)
		dt_cells(dt, "msi-map", msi_map, COUNT(msi_map));
	else if (pcie->msi->v2m.size)
		dt_u32(dt, "msi-parent", DT_PHANDLE_V2M);
	dt_end(dt);
}

void dt_add_apb_clock(struct dt *dt)
{
	dt_begin(dt, "apb-pclk");
	dt_u32(dt, "phandle", DT_PHANDLE_CLOCK);
	dt_str(dt, "compatible", "fixed-clock");
	dt_u32(dt, "#clock-cells", 0);
	dt_u32(dt, "clock-frequency", APB_CLOCK_HZ);
	dt_str(dt, "clock-output-names", "clk24mhz");
	dt_end(dt);
}

void dt_add_pl011(struct dt *dt, uint64_t base, uint32_t spi)
{
	const uint32_t clocks[] = { DT_PHANDLE_CLOCK, DT_PHANDLE_CLOCK };

	dt_begin_at(dt, "pl011", base);
	DT_STRS(dt, "compatible", "arm,pl011\0arm,primecell");
	dt_reg(dt, base, PRIMECELL_SIZE);
	add_spi(dt, spi, IRQ_LEVEL_HIGH);
	dt_cells(dt, "clocks", clocks, COUNT(clocks));
	DT_STRS(dt, "clock-names", "uartclk\0apb_pclk");
	dt_end(dt);
}

void dt_add_uart16550(struct dt *dt, uint64_t base, uint64_t size, uint32_t hz, uint32_t spi)
{
	dt_begin_at(dt, "serial", base);
	dt_str(dt, "compatible", "ns16550a");
	dt_reg(dt, base, size);
	dt_u32(dt, "reg-shift", 0);
	dt_u32(dt, "reg-io-width", 1);
	dt_u32(dt, "clock-frequency", hz);
	add_spi(dt, spi, IRQ_LEVEL_HIGH);
	dt_end(dt);
}

void dt_add_pl031(struct dt *dt, uint64_t base, uint32_t spi)
{
	dt_begin_at(dt, "pl031", base);
	DT_STRS(dt, "compatible", "arm,pl031\0arm,primecell");
	dt_reg(dt, base, PRIMECELL_SIZE);
	add_spi(dt, spi, IRQ_LEVEL_HIGH);
	dt_u32(dt, "clocks", DT_PHANDLE_CLOCK);
	dt_str(dt, "clock-names", "apb_pclk");
	dt_end(dt);
}

void dt_add_pl061(struct dt *dt, uint64_t base, uint32_t spi)
{
	dt_begin_at(dt, "pl061", base);
	dt_u32(dt, "phandle", DT_PHANDLE_GPIO);
	DT_STRS(dt, "compatible", "arm,pl061\0arm,primecell");
	dt_reg(dt, base, PRIMECELL_SIZE);
	add_spi(dt, spi, IRQ_LEVEL_HIGH);
	dt_u32(dt, "clocks", DT_PHANDLE_CLOCK);
	dt_str(dt, "clock-names", "apb_pclk");
	dt_empty(dt, "gpio-controller");
	dt_u32(dt, "#gpio-cells", 2);
	dt_end(dt);
}

void dt_add_power_key(struct dt *dt, uint32_t line)
{
	const uint32_t gpios[] = { DT_PHANDLE_GPIO, line, 0 /* active high */ };

	dt_begin(dt, "gpio-keys");
	dt_str(dt, "compatible", "gpio-keys");
	dt_begin(dt, "poweroff");
	dt_str(dt, "label", "GPIO Key Poweroff");
	dt_u32(dt, "linux,code", KEY_POWER);
	dt_cells(dt, "gpios", gpios, COUNT(gpios));
	dt_end(dt);
	dt_end(dt);
}

void dt_add_exit(struct dt *dt, uint64_t base)
{
	dt_begin_at(dt, "exit", base);
	dt_str(dt, "compatible", "minivmm,exit");
	dt_reg(dt, base, 0x1000);
	dt_end(dt);
}

void dt_add_virtio_mmio(struct dt *dt, uint64_t base, uint64_t size, uint32_t spi)
{
	dt_begin_at(dt, "virtio_mmio", base);
	dt_str(dt, "compatible", "virtio,mmio");
	dt_reg(dt, base, size);
	add_spi(dt, spi, IRQ_EDGE_RISING);
	dt_empty(dt, "dma-coherent");
	dt_end(dt);
}
