/*
 * A disk that can fail, lie and lose power, for one file of one process (LD_PRELOAD).
 *
 * KNARR_DISK_FILE   the file
 * KNARR_DISK_LOG    gets, before each write that is not flushed, what the write replaces; emptied by each flush. After the
 *                   process was killed, undoing this log gives what would be on the disk after a power cut.
 * KNARR_DISK_FAULT  a file whose first letter says what is wrong now: s = flushes fail (EIO), w = writes fail (ENOSPC),
 *                   l = flushes do nothing and say that they did, b, a, d = the process is killed before the next flush,
 *                   after it, after the next durable write. Absent or empty: nothing.
 *
 * A log record is four 64-bit numbers (kind, offset, length, size of the file before) and `length` bytes: kind 'U' are the
 * bytes that were there before, kind 'D' are bytes written durably (O_DSYNC). All calls are made to the kernel directly.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FD = 4096, PLAIN = 1, DURABLE = 2 };
static unsigned char tracked[MAX_FD];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static int kind_of(int fd) { return fd >= 0 && fd < MAX_FD ? tracked[fd] : 0; }

static char fault(void) {
  const char *path = getenv("KNARR_DISK_FAULT");
  char letter = 0;
  int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return 0;
  if (syscall(SYS_read, fd, &letter, 1) != 1) letter = 0;
  syscall(SYS_close, fd);
  return letter;
}

/* The power goes when `wrong` is this moment. */
static void cut(char wrong, char moment) {
  if (wrong == moment) syscall(SYS_kill, getpid(), SIGKILL);
}

static void die(const char *what) {
  dprintf(2, "disk-faults: %s: %s\n", what, strerror(errno));
  abort();
}

static void append(uint64_t kind, uint64_t offset, const void *bytes, uint64_t length, uint64_t size) {
  if (log_fd < 0) {
    const char *path = getenv("KNARR_DISK_LOG");
    if (path) log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) die("no log");
  }
  uint64_t head[4] = {kind, offset, length, size};
  struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
  if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof head + length)) die("the log cannot be written");
}

/* What was beyond the end of the file counts as zeros. */
static void remember(int fd, uint64_t offset, size_t length) {
  struct stat at;
  if (fstat(fd, &at) < 0) die("fstat");
  char *old = calloc(length + 1, 1);
  if (length > 0) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (reader < 0 || syscall(SYS_pread64, reader, old, length, offset) < 0) die("the file cannot be read");
    syscall(SYS_close, reader);
  }
  append('U', offset, old, length, (uint64_t)at.st_size);
  free(old);
}

static ssize_t guarded(int fd, const struct iovec *parts, int count, off_t offset, int positioned) {
  int kind = kind_of(fd);
  if (!kind) return positioned ? syscall(SYS_pwrite64, fd, parts->iov_base, parts->iov_len, offset)
                               : syscall(SYS_writev, fd, parts, count);
  pthread_mutex_lock(&lock);
  char wrong = fault();
  ssize_t written = -1;
  if (wrong == 'w') {
    errno = ENOSPC;
  } else {
    off_t at = positioned ? offset : lseek(fd, 0, SEEK_CUR);
    size_t length = 0;
    for (int i = 0; i < count; i++) length += parts[i].iov_len;
    int durable = kind == DURABLE && wrong != 'l';
    if (durable && wrong == 's') {
      errno = EIO;
      pthread_mutex_unlock(&lock);
      return -1;
    }
    if (!durable) remember(fd, (uint64_t)at, length);
    written = positioned ? syscall(SYS_pwrite64, fd, parts->iov_base, parts->iov_len, offset)
                         : syscall(SYS_writev, fd, parts, count);
    if (durable && written > 0) {
      append('D', (uint64_t)at, parts->iov_base, parts->iov_len, 0);
      cut(wrong, 'd');
    }
  }
  pthread_mutex_unlock(&lock);
  return written;
}

static int flush(int fd, long call) {
  if (!kind_of(fd)) return (int)syscall(call, fd);
  pthread_mutex_lock(&lock);
  char wrong = fault();
  int result = 0;
  if (wrong == 's') {
    errno = EIO;
    result = -1;
  } else if (wrong != 'l') {
    cut(wrong, 'b');
    result = (int)syscall(call, fd);
    if (result == 0 && log_fd >= 0 && ftruncate(log_fd, 0) < 0) die("the log cannot be emptied");
    cut(wrong, 'a');
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int opened(int fd, const char *path, int flags) {
  const char *file = getenv("KNARR_DISK_FILE");
  if (fd >= 0 && fd < MAX_FD)
    tracked[fd] = !file || strcmp(path, file) != 0 ? 0 : flags & (O_DSYNC | O_SYNC) ? DURABLE : PLAIN;
  return fd;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPEN(name)                                                          \
  int name(const char *path, int flags, ...) {                              \
    va_list rest;                                                           \
    va_start(rest, flags);                                                  \
    mode_t mode = mode_of(flags, rest);                                     \
    va_end(rest);                                                           \
    return opened((int)syscall(SYS_openat, AT_FDCWD, path, flags, mode), path, flags); \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  if (fd >= 0 && fd < MAX_FD) tracked[fd] = 0;
  return (int)syscall(SYS_close, fd);
}

#define PWRITE(name)                                                  \
  ssize_t name(int fd, const void *bytes, size_t length, off_t offset) { \
    struct iovec part = {(void *)bytes, length};                      \
    return guarded(fd, &part, 1, offset, 1);                          \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  return guarded(fd, &part, 1, 0, 0);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return guarded(fd, parts, count, 0, 0); }

int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }
int fsync(int fd) { return flush(fd, SYS_fsync); }

#define TRUNCATE(name)                                        \
  int name(int fd, off_t length) {                            \
    if (kind_of(fd)) {                                        \
      pthread_mutex_lock(&lock);                              \
      remember(fd, (uint64_t)length, 0);                      \
      pthread_mutex_unlock(&lock);                            \
    }                                                         \
    return (int)syscall(SYS_ftruncate, fd, length);           \
  }
TRUNCATE(ftruncate64)

#define MMAP(name)                                                                          \
  void *name(void *at, size_t length, int protection, int flags, int fd, off_t offset) {    \
    if (kind_of(fd) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {                 \
      dprintf(2, "disk-faults: the file is written through a map: that cannot be seen\n");  \
      abort();                                                                              \
    }                                                                                       \
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);            \
  }
MMAP(mmap)
MMAP(mmap64)
