/* SPDX-License-Identifier: Apache-2.0 */
/* The console, a PL011 or a 16550A in its place, and serial ports on the PCI bus. See board.h. */
#include "board.h"
#include "dt_nodes.h"
#include "layout.h"
#include "machine.h"

static bool has_pl011(const struct board *board)
{
	return board->config->options->console_type == CONSOLE_PL011;
}

const char *board_stdout_path(const struct board *board)
{
	return has_pl011(board) ? "/pl011@9000000" : "/serial@9000000";
}

static int place_pl011(struct board *board, struct irq *irq, struct error *error)
{
	if (board_placed(
		    pl011_init(&board->pl011, board->config->console, board->bus, LAYOUT_PL011, irq), "PL011", error))
		return -1;
	board->pl011_up = true;
	record_device(board->config->record, "pl011");
	dt_add_pl011(&board->dt, LAYOUT_PL011, LAYOUT_SPI_PL011);
	return 0;
}

/* A driver that knows the address of the one finds the other there. */
static int place_uart16550(struct board *board, struct irq *irq, struct error *error)
{
	uart16550_init(&board->uart, board->config->console, irq);
	board->uart_up = true;
	if (board_placed(uart16550_map(&board->uart, board->bus, LAYOUT_PL011), "16550A", error))
		return -1;
	dt_add_uart16550(&board->dt, LAYOUT_PL011, UART16550_SIZE, UART16550_CLOCK, LAYOUT_SPI_PL011);
	return 0;
}

int board_place_console(struct board *board, struct error *error)
{
	struct irq *irq = board_spi(board, LAYOUT_SPI_PL011, error);

	if (!irq)
		return -1;
	return has_pl011(board) ? place_pl011(board, irq, error) : place_uart16550(board, irq, error);
}

void board_destroy_console(struct board *board)
{
	if (board->uart_up)
		uart16550_destroy(&board->uart);
	if (board->pl011_up)
		pl011_destroy(&board->pl011);
}

int board_place_serials(struct board *board, struct error *error)
{
	const struct machine_config *config = board->config;

	for (unsigned int i = 0; i < config->options->serial_count; i++) {
		const struct serial_options *given = &config->options->serials[i];

		if (board_placed(
			    pci_serial_init(&board->serials[i], config->serials[i], &board->pci, given->place.slot),
			    "serial port", error))
			return -1;
		board->serial_count++;
	}
	return 0;
}

void board_destroy_serials(struct board *board)
{
	while (board->serial_count)
		pci_serial_destroy(&board->serials[--board->serial_count]);
}
