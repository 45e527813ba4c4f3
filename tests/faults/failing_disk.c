/* Preloaded before libc: lets calls that write to files below a folder fail, or end the process, when they are told to.
 *
 * fail_at(kinds, nth, error, lasting): of the calls of these kinds the nth from now on fails with this errno, and all
 * after it where it is lasting; a full disk takes half of what it can no longer hold, as a real one does. An error of -1
 * is SIGKILL. seen() says how many there were. Nothing fails before fail_at is called.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITES = 1, SYNCS = 2, TRUNCATES = 4 };

static int armed_kinds, armed_error, is_lasting;
static long left, count;

void fail_at(int kinds, long nth, int error, int lasting) {
    armed_kinds = kinds;
    left = nth;
    armed_error = error;
    is_lasting = lasting;
    count = 0;
}

long seen(void) { return count; }

static int is_watched(int descriptor) {
    static const char *folder;
    char link[64], path[4096];
    if (!folder && !(folder = getenv("FAILING_FOLDER"))) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* 0: goes on. 1: fails now, for the first time. 2: fails again. */
static int fails(int kind, int descriptor) {
    if (!(armed_kinds & kind) || !is_watched(descriptor)) return 0;
    count++;
    left--;
    if (left > 0 || (left < 0 && !is_lasting)) return 0;
    if (armed_error == -1) kill(getpid(), SIGKILL);
    return left == 0 ? 1 : 2;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL return errno = armed_error, -1

ssize_t write(int descriptor, const void *data, size_t size) {
    int how = fails(WRITES, descriptor);
    if (how == 1 && armed_error == ENOSPC && size > 1) return REAL(write)(descriptor, data, size / 2);
    if (how) FAIL;
    return REAL(write)(descriptor, data, size);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
    int how = fails(WRITES, descriptor);
    if (how == 1 && armed_error == ENOSPC && size > 1) return REAL(pwrite)(descriptor, data, size / 2, at);
    if (how) FAIL;
    return REAL(pwrite)(descriptor, data, size, at);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
    int how = fails(WRITES, descriptor);
    if (how == 1 && armed_error == ENOSPC && size > 1) return REAL(pwrite64)(descriptor, data, size / 2, at);
    if (how) FAIL;
    return REAL(pwrite64)(descriptor, data, size, at);
}

int fsync(int descriptor) {
    if (fails(SYNCS, descriptor)) FAIL;
    return REAL(fsync)(descriptor);
}

int fdatasync(int descriptor) {
    if (fails(SYNCS, descriptor)) FAIL;
    return REAL(fdatasync)(descriptor);
}

int ftruncate(int descriptor, off_t size) {
    if (fails(TRUNCATES, descriptor)) FAIL;
    return REAL(ftruncate)(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) {
    if (fails(TRUNCATES, descriptor)) FAIL;
    return REAL(ftruncate64)(descriptor, size);
}
