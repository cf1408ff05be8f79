# SPDX-License-Identifier: Apache-2.0
"""The two machines that tests/fuzz/compare asks: Debian's QEMU, which is put back by a reset between traces, and minivmm, of which
every trace has its own."""
import json
import os
import select
import socket
import subprocess
import time

RAM, RAM_SIZE = 0x40000000, 2 << 20  # the least that minivmm has
DISK = 128 << 10  # FUZZ_DISK_SIZE
SERIAL = "fuzz-0123456789abcd"
PATIENCE = 1.5  # seconds for an answer, after which a server hangs
AT_ONCE = 32  # lines that are sent before their answers are read: fewer than a pipe holds
QEMU = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-m", "2M", "-nodefaults", "-display", "none",
        "-serial", "null", "-accel", "tcg", "-global", "arm-cpu.start-powered-off=on",
        # A kick is served before its answer, as far as that can be.
        # Requests are served one after the other, as minivmm does.
        "-object", "main-loop,id=loop,thread-pool-max=1",
        "-global", "virtio-mmio.force-legacy=off", "-global", "virtio-mmio.ioeventfd=off", "-qtest", "stdio", "-qtest-log", "/dev/null"]


class Server:
    """A qtest server on its standard input and output."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.said, self.gone, self.patience = b"", None, PATIENCE

    def fill(self):
        """More of what it says; nothing when it has ended, or has not answered for so long that it never will."""
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            self.gone = "hangs"
            return
        part = os.read(self.process.stdout.fileno(), 1 << 20)
        if not part:
            self.gone = "ended, status %d" % self.process.wait()
        self.said += part

    def answer(self):
        while not self.gone:
            text, end, rest = self.said.partition(b"\n")
            if not end:
                self.fill()
                continue
            self.said = rest
            if not text.startswith(b"IRQ "):
                return text.decode(errors="replace")
        return self.gone

    def ask(self, lines):
        """Its answers, one for each line."""
        answers = []
        for at in range(0, len(lines), AT_ONCE):
            part = lines[at:at + AT_ONCE]
            try:
                self.process.stdin.write("".join(line + "\n" for line in part).encode())
                self.process.stdin.flush()
            except BrokenPipeError:
                pass
            answers += [self.answer() for _ in part]
        return answers

    def errors(self):
        """What it has said on its standard error since."""
        said = b""
        while select.select([self.process.stderr], [], [], 0)[0]:
            part = os.read(self.process.stderr.fileno(), 4096)
            if not part:
                break
            said += part
        return said.decode(errors="replace").strip()

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass


class Host:
    """What both have behind their device: random bytes that are all alike, since QEMU's stream goes on over a reset, and a disk."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.folder, self.entropy, self.disk = folder, os.path.join(folder, "entropy"), os.path.join(folder, "disk")
        with open(self.entropy, "wb") as file:
            file.write(b"\x5a" * (4 << 20))
        self.empty()

    def empty(self):
        with open(self.disk, "wb") as file:
            file.truncate(DISK)


class Minivmm:
    def __init__(self, program, target, host):
        kind, bus = target.split("-")
        self.host = host
        self.command = [program, "--qtest", "stdio", "--memory", "2M", "--transport", bus]
        if kind == "rng":
            self.command += ["--rng", "source=%s,features=+ring_reset,+ring_packed" % host.entropy]
        else:
            self.command += ["--no-rng", "--disk", "path=%s,queues=2,id=%s,features=+ring_reset,+ring_packed" %
                             (host.disk, SERIAL)]
        self.server = None

    def begin(self):
        self.end()
        self.host.empty()
        self.server = Server(self.command)
        return self.server

    def end(self):
        if self.server:
            self.server.close()
        self.server = None


class Qemu:
    def __init__(self, target, host):
        kind, bus = target.split("-")
        self.host, self.monitor = host, os.path.join(host.folder, "monitor")
        device = "virtio-%s-%s" % (kind, "pci,disable-legacy=on,ioeventfd=off,addr=1" if bus == "pci" else "device")
        device += ",packed=on"
        if kind == "rng":
            backend = ["-object", "rng-random,id=source,filename=" + host.entropy]
            device += ",rng=source"
        else:
            backend = ["-blockdev", "driver=file,node-name=disk,locking=off,filename=" + host.disk]
            device += ",drive=disk,num-queues=2,queue-size=256,serial=" + SERIAL
        self.command = QEMU + backend + ["-qmp", "unix:%s,server=on,wait=off" % self.monitor, "-device", device]
        self.server, self.qmp = None, None

    def begin(self):
        """As it is when it starts: by a reset, which costs a hundredth of a start. What the last trace left it doing may be for ever."""
        if self.server and not self.server.gone:
            self.execute("system_reset", "event")
            self.server.ask(["endianness"])
        if self.server and self.server.gone:
            self.end()
        self.host.empty()
        if not self.server:
            self.start()
        self.server.errors()
        return self.server

    def start(self):
        self.server = Server(self.command)
        self.server.ask(["endianness"])
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self.monitor)
        self.qmp = connection.makefile("rw")
        connection.close()
        self.qmp.readline()
        self.execute("qmp_capabilities", "return")

    def execute(self, command, end):
        self.qmp.write(json.dumps({"execute": command}) + "\n")
        self.qmp.flush()
        try:
            while True:
                line = self.qmp.readline()
                if not line or (end in json.loads(line) and json.loads(line).get("event", "RESET") == "RESET"):
                    return
        except TimeoutError:
            self.server.gone = "hangs"

    def end(self):
        if self.server:
            self.qmp.close()
            self.server.close()
        self.server = None


class Step:
    """What came of a step: an answer for each line, then for each of what was asked for; what the server said beside."""

    def __init__(self, answers, said):
        self.answers, self.said = answers, said


def play(server, steps, wanted=None, alike=None, patience=0):
    """A Step for each of steps, as far as the server goes. What is asked for at the end of one is asked again for so many seconds, until
    it is alike what came of it in wanted, since a device of QEMU's works after the answer to what made it; and when it never is,
    nothing behind it is worth asking."""
    played = []
    for number, (lines, probes, packed) in enumerate(steps):
        answers = server.ask(lines)
        got = server.ask(probes)
        good = True
        if wanted:
            hoped = wanted[number].answers[len(lines):]
            end = time.monotonic() + patience
            while not alike(probes, got, hoped, packed) and time.monotonic() < end and not server.gone:
                time.sleep(0.0005)
                got = server.ask(probes)
            good = alike(probes, got, hoped, packed)
        played.append(Step(answers + got, server.errors()))
        if server.gone or not good:
            break
    return played
