"""What a compiled program gets beside Brian2's code.

It writes its arrays whole or fails and says so, ends with the process that started it, and tells
how far it is. Brian2's own code ignores a full disk.
"""

from __future__ import annotations

import re

__all__ = ["FAILED", "SUPPORT", "TELL", "WROTE", "checked_writing"]

#: What a line of the program's output begins with: file written, size; or file and reason.
WROTE, FAILED = "spikeconsol-wrote", "spikeconsol-failed"

#: Declared where the time loop can call it, in every step.
TELL = 'extern "C" void spikeconsol_tell(long long step);'

SUPPORT = r"""
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ios>
#include <ostream>
#include <sstream>
#include <string>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

namespace spikeconsol {

// A file of results in the first folder or, where that is full, in the second; whole in either
// case, or the program ends here.
class Output {
    std::string name, path;
    std::ostringstream text;
    long long size = 0;
    int file = -1;

    [[noreturn]] void fail() {
        std::fprintf(stderr, "spikeconsol-failed %s: %s\n", path.c_str(), std::strerror(errno));
        std::_Exit(74);
    }

    void move() {
        const char *second = std::getenv("SPIKECONSOL_SPILL");
        const bool full = errno == ENOSPC || errno == EDQUOT;
        if (!full || !second || path.compare(0, std::strlen(second), second) == 0) fail();
        const int before = file;
        long long left = size;
        const std::string from = path;
        mkdir(second, 0700);
        path = std::string(second) + "/" + name;
        file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (file < 0) fail();
        size = 0;
        if (before < 0) return;
        char buffer[65536];
        if (lseek(before, 0, SEEK_SET) < 0) fail();
        while (left > 0) {
            const ssize_t n = read(before, buffer, left < 65536 ? left : 65536);
            if (n <= 0) fail();
            put(buffer, n);
            left -= n;
        }
        ::close(before);
        unlink(from.c_str());
    }

    void put(const char *data, long long n) {
        while (n > 0) {
            const ssize_t written = ::write(file, data, n);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) { move(); continue; }
            data += written;
            n -= written;
            size += written;
        }
    }

public:
    void open(const std::string &where, std::ios_base::openmode) {
        path = where;
        name = where.substr(where.rfind('/') + 1);
        file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (file < 0) move();
    }
    bool is_open() const { return file >= 0; }
    void write(const char *data, long long n) { put(data, n); }
    template <class T> Output &operator<<(const T &value) { text << value; return *this; }
    Output &operator<<(std::ostream &(*end)(std::ostream &)) { text << end; return *this; }
    void close() {
        if (file < 0) return;
        put(text.str().data(), text.str().size());
        if (::close(file)) fail();
        file = -1;
        std::printf("spikeconsol-wrote %s %lld\n", path.c_str(), size);
    }
    ~Output() { close(); }
};

static const char *folder, *second;

// The process that started this one is gone: nobody will read or remove the results.
extern "C" void spikeconsol_orphaned(int) {
    if (folder) execl("/bin/rm", "rm", "-rf", "--", folder, second, (char *)nullptr);
    _exit(1);
}

__attribute__((constructor)) static void start() {
#if defined(__linux__)
    const char *parent = std::getenv("SPIKECONSOL_PARENT");
    if (!parent) return;
    folder = std::getenv("SPIKECONSOL_SCRATCH");
    second = std::getenv("SPIKECONSOL_SPILL");
    std::signal(SIGUSR1, spikeconsol_orphaned);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != std::atol(parent)) spikeconsol_orphaned(0);
#endif
}

}  // namespace spikeconsol

// Steps done, a line now and then, to whoever listens.
extern "C" void spikeconsol_tell(long long step) {
    static const char *listener = std::getenv("SPIKECONSOL_LISTENER");
    static const int pipe = listener ? std::atoi(listener) : -1;
    if (pipe < 0) return;
    char line[32];
    const int n = std::snprintf(line, sizeof line, "%lld\n", step);
    if (::write(pipe, line, n) < 0) return;
}
"""


def checked_writing(text: str) -> str:
    """Let Brian2's function that writes all arrays write them with `Output`.

    Raises
    ------
    ValueError
        If the text has no such function, as might be with another version of Brian2.
    """
    found = re.search(r"^void _write_arrays\(\)\s*\{.*?^\}", text, re.MULTILINE | re.DOTALL)
    if found is None or "ofstream" not in found[0]:
        raise ValueError("this version of Brian2 writes its arrays in another way")
    checked = re.sub(r"\b(?:std::)?ofstream\b", "spikeconsol::Output", found[0])
    return text[: found.start()] + checked + text[found.end() :]
