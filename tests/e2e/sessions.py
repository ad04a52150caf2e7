"""Sessions of the documents: the blocks of commands in a Markdown text, and a shell that runs them."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
_BLOCK = re.compile(r"(?:<!-- (?P<note>[^\n]*?) -->\n)?```(?P<kind>[a-z]+)\n(?P<body>.*?)```", re.S)


def blocks(text):
    """[(word, lines)] of a page's ```console blocks: the first word of the comment above, its commands."""
    return [
        (found["note"].partition(":")[0] if found["note"] else "", commands(found["body"]))
        for found in _BLOCK.finditer(text)
        if found["kind"] == "console"
    ]


def files(text):
    """{name: content} of the blocks under a comment `<!-- file: NAME -->`."""
    return {
        found["note"].removeprefix("file: "): found["body"]
        for found in _BLOCK.finditer(text)
        if (found["note"] or "").startswith("file: ")
    }


def commands(body):
    """The commands of a block; what is not behind a `$ ` is output, and left out."""
    return [line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ ")]


class Shell:
    """Runs the lines of a session in `folder`, as a person's shell would; `&` is a job, `kill %1` ends it."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        self.job = None
        self.log = "sim.log"
        self.output = ""

    def line(self, line):
        """Run one line; `# exit code N` behind it says that it fails with that code."""
        command, _, comment = line.partition("#")
        words = command.split()
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.environment[name] = value
        elif words[0] == "cd":
            self.folder = self.folder / words[1]
        elif words[-1] == "&":
            self.start(words[:-1])
        elif words == ["kill", "%1"]:
            self.end()
        else:
            code = re.search(r"exit code (\d)", comment)
            self.run(command, int(code.group(1)) if code else 0)

    def run(self, command, code):
        done = subprocess.run(
            command,
            shell=True,
            executable="/bin/bash",
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == code, f"{command}\n{self.output}\n{self.console()}"

    def start(self, words):
        if ">" in words:
            *words, _, self.log = words
        with (self.folder / self.log).open("ab") as log:
            self.job = subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        folder = next(self.folder / word for word in words[2:] if not word.startswith("-"))
        wait_for(folder / "radio.json")

    def console(self):
        log = self.folder / self.log
        return log.read_text() if log.exists() else ""

    def end(self):
        if self.job is not None:
            self.job.terminate()
            assert self.job.wait(10) == 0
            self.job = None


def wait_for(path, seconds=60):
    """Wait until a device that starts has made its radio."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.1)
    time.sleep(1)
