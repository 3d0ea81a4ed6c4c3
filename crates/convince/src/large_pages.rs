//! Large pages for a prover's memory.

/// Starts the program anew such that its memory comes in large pages; returns if it did so already, or where it can not.
///
/// A prover touches hundreds of megabytes once or twice. In pages of 4 KB every one of them is a fault, much of it on one thread,
/// and another when it is given back: a sixth of the time in which VGG-16 is proven. Linux hands out pages of 2 MB to those who
/// ask for them, and the C library asks if the environment that a process *starts* with says so (`GLIBC_TUNABLES`). So a
/// program that proves calls this first in `main`, before it has threads or files; its arguments, process number and streams stay
/// as they are, and it takes some 2 ms.
///
/// Whoever has set `GLIBC_TUNABLES` knows better, and nothing is done. Nor is it elsewhere than on Linux with glibc.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn restart_with_large_pages() {
    use std::os::unix::process::CommandExt;

    const NAME: &str = "GLIBC_TUNABLES";
    // Large pages, and memory that is given back is kept for the next table, up to 256 MB.
    const VALUE: &str =
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=268435456";
    if std::env::var_os(NAME).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // It returns only if the program could not be started, and then this one goes on.
    let _ = command.args(arguments).env(NAME, VALUE).exec();
}

/// Starts the program anew such that its memory comes in large pages, on Linux with glibc; here it returns at once.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn restart_with_large_pages() {}
