/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --record keeps of a run: everything that reached the machine's devices, in the text form of tests/fuzz/op.h, so that the
 * same devices given it again answer the same, on any machine and without KVM.
 *
 * Recorded is the guest's side (each access to a register, with the answer of a read; what devices load from guest memory; what it
 * writes to disks) and the world's (entropy given, what is typed, the clock where a device shows it); and, to be compared, what devices
 * gave back and the interrupts they raised. For that to be all, the guest runs in step: an access is over when the devices have done what it made them do, disks
 * included. So while recording doorbells come as exits, not as ioeventfds, whose place among the accesses nobody knows; reads
 * come as exits, not from the mirror, which nobody sees; disks are served by plain calls; and the console takes all output at once.
 * What the guest can see of its devices is unchanged.
 *
 * Interrupts are what devices do to their lines, each call behind the step that made it, in its order among the chains given back: "IRQ
 * raise 47", as qtest has it, and for messages to an ITS, which qtest's machine has not, "IRQ message REQUESTER ADDR DATA". So they are
 * all determined by what stands before them, with three exceptions, and those are written down too: an alarm or a power key let go
 * comes by the clock ("clock_step" in front of it), input when it is typed ("host input"), and a line that turns out to be taken by its
 * level ("# sensed 47") when the guest ends an interrupt. When the guest takes an interrupt, and what KVM raises again at its EOI, is
 * between the two of them: not determined, not the devices' doing, not here. Of a machine that is built or taken down nothing is written.
 *
 * The file is written in whole lines, and a step with all that belongs to it at once: that of a monitor that was killed is the
 * beginning of a recording. Calls are made under the machine lock unless said otherwise; none fails: what cannot be
 * written ends the recording, and record_finish tells.
 */
#ifndef MINIVMM_RECORD_H
#define MINIVMM_RECORD_H

#include "backend/block.h"
#include "backend/chardev.h"
#include "backend/entropy.h"
#include "core/bus.h"
#include "core/irq.h"
#include "core/loop.h"
#include "core/mem.h"
#include "error.h"
#include "virtio/virtio.h"

struct record;

/* Makes the file. NULL with *error filled. loop outlives it. */
struct record *record_create(const char *path, struct loop *loop, struct error *error);
/*
 * Writes what is left, and frees it with all that the next three gave. 0, or -1 with *error when the file lacks something. No machine is
 * there any more, and the lock need not be held. NULL is allowed.
 */
int record_finish(struct record *r, struct error *error);

/* What a machine's devices are given in place of these, which outlive r. NULL: out of memory, with *error. */
struct entropy *record_entropy(struct record *r, struct entropy *entropy);
struct block *record_disk(struct record *r, struct block *disk, struct error *error);
struct chardev *record_console(struct record *r, struct chardev *console, struct error *error);

/* A machine is about to be built, with this memory: what comes now is another life. */
struct mem_hook *record_life(struct record *r, const struct mem *mem);
/* It is about to be taken down: what its devices do now is nothing that happened to a guest. r may be NULL. */
void record_life_ends(struct record *r);
/* What a device of it is given as its line in place of inner, which the next life does not have. r and inner may be NULL: inner. */
struct irq *record_irq(struct record *r, struct irq *inner);
/* The same for messages: their opaque is r. */
const struct msi_ops *record_msi(struct record *r, const struct msi_ops *msi, void *opaque);
/* It has this device: its name, its place and whatever else it takes to build it again. r may be NULL. */
__attribute__((format(printf, 2, 3))) void record_device(struct record *r, const char *format, ...);
/* The same of a virtio device that has its transport: name, place and features; and its queues are watched from now on. */
void record_virtio(
	struct record *r, struct virtio *v, const char *name, const char *bus, unsigned int slot, const char *more);

/* An access of the guest's in place of bus_read and bus_write: *value is the answer of a read. Devices are done with it on return. */
void record_access(struct record *r, struct bus *bus, bool write, gpa_t addr, unsigned int size, uint64_t *value);
/* Something came from outside that no line above says. r may be NULL. */
void record_event(struct record *r, const char *what);

/* In place of loop_run, whose contract it has: a recorded machine is served by the thread of the CPU too. */
must_check int record_run(struct loop *loop);

#endif
