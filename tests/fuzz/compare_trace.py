# SPDX-License-Identifier: Apache-2.0
"""A fuzz input as what tests/fuzz/compare has both machines do, and what the driver in it has said by each line.

Left out of it is what the specifications leave undefined, and what does not mean the same to both for a reason that is known: see
defined(), with_known_features() and elsewhere in here. The scripts of tests/qtest have some of each."""
import base64
import re
import struct
import subprocess

from compare_machines import RAM, RAM_SIZE

QUEUES = 2  # FUZZ_GUEST_QUEUES
MMIO, COMMON, TABLE, ECAM = 0xa003e00, 0x8000000000, 0x10000000, 0x4010008000
ISR, CONFIG, NOTIFY = COMMON + 0x1000, COMMON + 0x2000, COMMON + 0x3000
MSIX_CONTROL = ECAM + 0x42  # minivmm's, which traces have
WIDTHS = {"b": 1, "w": 2, "l": 4, "q": 8}
# The features that both offer, by word.
KNOWN_FEATURES = {"rng": {0: 0x30000000, 1: 0x00000105}, "blk": {0: 0x30007e44, 1: 0x00000105}}
VERSION_1, RING_PACKED = 1, 4  # in word 1
# What a write to these means, on either transport.
REGISTERS = {
    MMIO + 0x24: "select features", MMIO + 0x20: "features", MMIO + 0x70: "status", MMIO + 0x30: "select queue",
    MMIO + 0x38: "size", MMIO + 0x44: "enable", MMIO + 0x50: "kick", MMIO + 0xc0: "reset queue", MMIO + 0x80: "desc",
    MMIO + 0x84: "desc high", MMIO + 0x90: "avail", MMIO + 0x94: "avail high", MMIO + 0xa0: "used",
    MMIO + 0xa4: "used high",
    COMMON + 8: "select features", COMMON + 12: "features", COMMON + 20: "status", COMMON + 22: "select queue",
    COMMON + 24: "size", COMMON + 28: "enable", COMMON + 58: "reset queue", COMMON + 32: "desc",
    COMMON + 36: "desc high", COMMON + 40: "avail", COMMON + 44: "avail high", COMMON + 48: "used",
    COMMON + 52: "used high", ECAM + 4: "command",
}
ENABLE_READ = {"mmio": "readl 0x%x" % (MMIO + 0x44), "pci": "readw 0x%x" % (COMMON + 28)}
STATUS_READ = {"mmio": "readl 0x%x" % (MMIO + 0x70), "pci": "readb 0x%x" % (COMMON + 20)}


class Access:
    """A line that reads or writes 1, 2, 4 or 8 bytes; `size` is 0 for any other."""

    def __init__(self, line):
        words = line.split()
        match = re.fullmatch("(read|write)([bwlq])", words[0])
        self.size = WIDTHS[match[2]] if match else 0
        self.write = words[0].startswith("write")
        self.addr = int(words[1], 0)
        self.value = int(words[2], 0) & ((1 << 8 * self.size) - 1) if self.size and self.write else 0

    def within(self, base, size):
        return base <= self.addr < base + size

    def register(self):
        """What it says to the device: a value of REGISTERS, or None."""
        if not self.size or not self.write:
            return None
        return "kick" if self.within(NOTIFY, 0x1000) else REGISTERS.get(self.addr)


class Driver:
    """What the trace's driver has said so far."""

    def __init__(self):
        self.word, self.queue = 0, 0
        self.config = {}  # of a PCI function, by byte: what was written
        self.hints = set()  # (address, length): what a device writes there is advice
        self.left = {}  # by address in a ring, whosever life it was of: the bytes of both where they differed
        self.forget()

    def forget(self):
        """A reset does."""
        self.features, self.queues = {}, {}
        self.status, self.was, self.last = 0, 0, None
        self.unmastered = False  # bus mastering was off after DRIVER_OK

    def follow(self, line):
        access = Access(line)
        what, value = access.register(), access.value
        self.last = what
        if access.write and access.within(ECAM, 0x40):
            self.config.update((access.addr - ECAM + i, value >> 8 * i & 0xff) for i in range(access.size))
            self.unmastered |= bool(self.status & 4 and not self.config.get(4, 0) & 4)
        elif what == "status":
            self.was, self.status = self.status, value
            if not value:
                self.forget()
        elif what == "select features":
            self.word = value
        elif what == "features":
            self.features[self.word] = value
        elif what == "select queue":
            self.queue = value
        elif what == "reset queue":
            self.queues.pop(self.queue, None)
        elif what and what not in ("kick", "command"):
            queue = self.queues.setdefault(self.queue, {})
            # What is enabled stays as it is.
            if not queue.get("enable"):
                queue[what] = value
                self.note_hints()

    def lost(self):
        """Is a BAR, decoded, where it was not at first?"""
        return bool(self.config.get(4, 0) & 2) and not self.decoded()

    def decoded(self):
        """Is the function's memory where it was put at first (see lines_of)?"""
        def word(offset):
            return sum(self.config.get(offset + i, 0) << 8 * i for i in range(4))
        return bool(word(4) & 2) and word(0x14) & ~0xfff == TABLE and word(0x20) & ~0x3fff | word(0x24) << 32 == COMMON

    def packed(self):
        return bool(self.features.get(1, 0) & RING_PACKED)

    def area(self, queue, name):
        return queue.get(name, 0) | queue.get(name + " high", 0) << 32

    def note_hints(self):
        for queue in self.queues.values():
            used = self.area(queue, "used")
            self.hints |= {(used, 4 if self.packed() else 2), (used + 4 + 8 * queue.get("size", 0), 2)}

    def can_be(self, index):
        """Is it a ring that virtio allows (2.7, 2.8.10.1), in memory?"""
        queue = self.queues.get(index, {})
        size = queue.get("size", 0)
        if not size or size > 1024 or (not self.packed() and size & (size - 1)):
            return False
        areas = ((16, 16 * size), (4, 4), (4, 4)) if self.packed() else ((16, 16 * size), (2, 6 + 2 * size), (4, 6 + 8 * size))
        return all(self.area(queue, name) % align == 0 and
                   RAM <= self.area(queue, name) <= RAM + RAM_SIZE - length
                   for name, (align, length) in zip(("desc", "avail", "used"), areas))

    def rings(self):
        """(address, length) of what tells what was given back."""
        for index in range(QUEUES):
            queue = self.queues.get(index, {})
            if not self.can_be(index):
                continue
            if self.packed():
                yield self.area(queue, "desc"), 16 * queue["size"]
            else:
                yield self.area(queue, "used") + 2, 2 + 8 * queue["size"]


def common_width(offset):
    """Of that field of struct virtio_pci_common_cfg (virtio 4.1.3.1: its own, a half of one of 64 bits); 0: there is none."""
    if offset in (20, 21):
        return 1
    if offset in (16, 18, 22, 24, 26, 28, 30, 56, 58):
        return 2
    return 4 if offset in (0, 4, 8, 12, 32, 36, 40, 44, 48, 52) else 0


def defined(line):
    """Whether the specifications say what it does: virtio 4.2.2.2 and 4.1.3.1, PCI 6.8.2 for the MSI-X table."""
    access = Access(line)
    if access.within(RAM, RAM_SIZE):
        return True
    if not access.size or access.addr % access.size:
        return False
    if access.within(MMIO, 0x100):
        return access.size == 4
    if access.within(COMMON, 0x40):
        return access.size == common_width(access.addr - COMMON)
    if access.within(ISR, 1):
        return access.size == 1
    if access.within(NOTIFY, 4 * QUEUES):
        return access.write and access.addr % 4 == 0 and access.size in (2, 4)
    if access.within(TABLE, 0x1000):
        return access.size in (4, 8)
    if access.addr == MSIX_CONTROL:
        return access.size == 2
    # From 0x40 on, and with the pointer to them, capabilities are where each has them.
    return access.size <= 4 and (access.within(MMIO + 0x100, 0x100) or access.within(CONFIG, 0x100) or
                                 (access.within(ECAM, 0x40) and not access.within(ECAM + 0x34, 1)))


def with_known_features(lines, known):
    """The driver takes what both offer, and VERSION_1: a refusal would be the end of most traces."""
    select = 0
    for line in lines:
        access = Access(line)
        if access.register() == "select features":
            select = access.value
        elif access.register() == "features":
            value = access.value & known.get(select, 0) | (VERSION_1 if select == 1 else 0)
            line = "%s 0x%x" % (line.rsplit(" ", 1)[0], value)
        yield line


def lines_of(fuzz, target, path):
    """Its lines. What its world did there, such as a disk's errors, it does on neither."""
    text = subprocess.run([fuzz, "emit-qtest", target, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout.decode()
    lines = ["memset 0x%x 0x%x 0" % (RAM, RAM_SIZE)]
    if target.endswith("pci"):
        # As firmware leaves it, which here is none: minivmm's BARs are set from the start.
        lines += ["writel 0x%x 0x%x" % (ECAM + 0x14, TABLE), "writel 0x%x 0x%x" % (ECAM + 0x20, COMMON & 0xffffffff),
                  "writel 0x%x 0x%x" % (ECAM + 0x24, COMMON >> 32)]
    # The clock has no command without accel=qtest.
    wanted = (line.split(" = ")[0] for line in text.splitlines()
              if not line.startswith(("#", "clock_step", "IRQ", "memset")))
    return lines + list(with_known_features((line for line in wanted if defined(line)),
                                            KNOWN_FEATURES[target.split("-")[0]]))


def find_msix_control(server):
    """Where this one has it."""
    at = int(server.ask(["readb 0x%x" % (ECAM + 0x34)])[0].split()[1], 0)
    while at:
        kind, at_next = (int(text.split()[1], 0) for text in server.ask(["readb 0x%x" % (ECAM + at + i) for i in (0, 1)]))
        if kind == 0x11:
            return ECAM + at + 2
        at = at_next
    return MSIX_CONTROL


def moved(lines, control):
    """The same with the MSI-X control register of another."""
    return [re.sub(r"^(readw|writew) 0x%x\b" % MSIX_CONTROL, r"\1 0x%x" % control, line) for line in lines]


def canonical(probe, answer, packed):
    """Of an answer to what is asked for at the end of a step, what has to be the same on both: of a ring which chains were given back and
    with what length, whatever their order (virtio 2.7.8), and not the write flag, which QEMU leaves out."""
    if not answer.startswith("OK "):
        return answer
    if not probe.startswith("b64read"):
        # Where nothing is.
        return re.sub("OK 0x0*(ff)+$", "OK 0x0000000000000000", answer)
    data = base64.b64decode(answer[3:])
    if len(data) == RAM_SIZE:
        return data
    if not packed:
        return data[:2], sorted(struct.iter_unpack("<II", data[2:]))
    return [(index, element if not is_used(element[3]) else element[3] & ~2)
            for index, element in enumerate(struct.iter_unpack("<QIHH", data))], sorted(
                element[1:3] for element in struct.iter_unpack("<QIHH", data) if is_used(element[3]))


def is_used(flags):
    """Of a descriptor in a packed ring: both bits are alike."""
    return (flags >> 7 & 1) == (flags >> 15)


def kicks(target):
    """Of a disk's queues: QEMU's looks at them only then, where minivmm does at DRIVER_OK. Both may."""
    if not target.startswith("blk"):
        return []
    return ["writel 0x%x %d" % (MMIO + 0x50, i) if target == "blk-mmio" else "writew 0x%x %d" % (NOTIFY + 4 * i, i)
            for i in range(QUEUES)]


def steps_of(lines, target):
    """[(lines, what to ask for until it is as wanted, whether rings are packed)]: a step ends where a device has something to do."""
    steps, step, driver, bus = [], [], Driver(), target.split("-")[1]
    for line in lines:
        step.append(line)
        driver.follow(line)
        if Access(line).register() == "status" and Access(line).value & 0x84 == 4:
            step += kicks(target)
        if Access(line).register() in ("kick", "status", "enable", "reset queue", "command"):
            enable = [ENABLE_READ[bus]] if Access(line).register() == "enable" else []
            steps.append((step, [STATUS_READ[bus]] + enable + ["b64read 0x%x %d" % ring for ring in driver.rings()], driver.packed()))
            step = []
    return steps + [(step, [STATUS_READ[bus], "b64read 0x%x %d" % (RAM, RAM_SIZE)], driver.packed())]
