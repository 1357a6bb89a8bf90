//! The memory pages of the process.

/// Lets the kernel use pages of 4 KiB only. With huge pages of 2 MiB, each small part of one that is used counts
/// as a whole, and thousands of connections use many small parts.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true).ok();
}
