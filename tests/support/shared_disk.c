/* A stand-in for a shared disk, to be loaded with LD_PRELOAD.

   LATE_ROOT, LATE_MS : a file below LATE_ROOT that another process made, or renamed into place, within so many
   milliseconds is not there yet. So does a machine see what other machines write to an NFS server.
   NO_LOCKS : flock fails, as on a disk that is mounted without locks.
   LOCAL_LOCKS : flock always succeeds, as between machines whose locks hold on each of them alone.
   HOST : the name of this machine. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct made {
    char *path;
    struct made *next;
};

static struct made *all_made;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void remember(const char *path) {
    struct made *one = malloc(sizeof *one);
    one->path = strdup(path);
    pthread_mutex_lock(&lock);
    one->next = all_made;
    all_made = one;
    pthread_mutex_unlock(&lock);
}

static int made_here(const char *path) {
    pthread_mutex_lock(&lock);
    struct made *one = all_made;
    while (one && strcmp(one->path, path)) one = one->next;
    pthread_mutex_unlock(&lock);
    return one != NULL;
}

static int below_root(const char *path) {
    const char *root = getenv("LATE_ROOT");
    return root && path && !strncmp(path, root, strlen(root));
}

/* Whether this process must not see the file yet. */
static int is_late(const char *path) {
    const char *milliseconds = getenv("LATE_MS");
    struct statx found;
    if (!milliseconds || !below_root(path) || made_here(path)) return 0;
    if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &found)) return 0;
    if (!S_ISREG(found.stx_mode)) return 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double age = (now.tv_sec - found.stx_ctime.tv_sec) + (now.tv_nsec - found.stx_ctime.tv_nsec) / 1e9;
    return age * 1000 < atof(milliseconds);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int absent(void) {
    errno = ENOENT;
    return -1;
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    if (!(flags & O_CREAT) && is_late(path)) return absent();
    int is_new = (flags & O_CREAT) && below_root(path) && faccessat(AT_FDCWD, path, F_OK, 0);
    int file = syscall(SYS_openat, folder, path, flags, mode);
    if (file >= 0 && is_new) remember(path);
    return file;
}

#define WITH_MODE(last)                                   \
    mode_t mode = 0;                                      \
    if (flags & (O_CREAT | O_TMPFILE)) {                  \
        va_list more;                                     \
        va_start(more, last);                             \
        mode = va_arg(more, mode_t);                      \
        va_end(more);                                     \
    }

int open(const char *path, int flags, ...) { WITH_MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { WITH_MODE(flags) return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { WITH_MODE(flags) return opened(folder, path, flags, mode); }

int rename(const char *from, const char *to) {
    int failed = REAL(rename)(from, to);
    if (!failed && below_root(to)) remember(to);
    return failed;
}

int access(const char *path, int mode) { return is_late(path) ? absent() : REAL(access)(path, mode); }
int stat(const char *path, struct stat *to) { return is_late(path) ? absent() : REAL(stat)(path, to); }
int stat64(const char *path, struct stat64 *to) { return is_late(path) ? absent() : REAL(stat64)(path, to); }
int lstat64(const char *path, struct stat64 *to) { return is_late(path) ? absent() : REAL(lstat64)(path, to); }
int fstatat64(int folder, const char *path, struct stat64 *to, int flags) {
    return is_late(path) ? absent() : REAL(fstatat64)(folder, path, to, flags);
}
int statx(int folder, const char *path, int flags, unsigned mask, struct statx *to) {
    return is_late(path) ? absent() : REAL(statx)(folder, path, flags, mask, to);
}

int flock(int file, int operation) {
    if (getenv("NO_LOCKS")) {
        errno = ENOLCK;
        return -1;
    }
    return getenv("LOCAL_LOCKS") ? 0 : REAL(flock)(file, operation);
}

int gethostname(char *name, size_t length) {
    const char *host = getenv("HOST");
    if (!host) return REAL(gethostname)(name, length);
    strncpy(name, host, length);
    return 0;
}
