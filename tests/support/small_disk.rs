//! A small filesystem, mounted as the data directory of one gateway.
//!
//! As root it is ext4 in a file, otherwise a tmpfs of limited size in a user namespace. It is
//! mounted in the mount namespace of a helper process, and disappears with it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::statvfs;
use tempfile::TempDir;

use super::gateway::Gateway;
use super::patience::until;
use super::process::{Finished, run_to_end};
use super::program::Program;

const BALLAST: &str = "ballast";
const RESERVE: &str = "reserve";
const RESERVE_BYTES: u64 = 8 << 20;
/// Longer than any test lasts.
const HELD_S: &str = "900";
/// The block sizes of the ballast: large ones first, small ones to finish exactly.
const BLOCKS: [usize; 3] = [1 << 20, 64 << 10, 4 << 10];

pub struct SmallDisk {
    holder: Child,
    /// Whether the mount namespace is inside a user namespace.
    is_users: bool,
    mount_point: PathBuf,
    image: TempDir,
}

impl SmallDisk {
    /// A gateway, not yet running, with its data on a disk of this many bytes.
    pub fn with_gateway(bytes: u64, extra: &str) -> (Gateway, Self) {
        Self::with(bytes, extra, &[])
    }

    /// The same on an ext4 without preallocation.
    pub fn without_extents(bytes: u64) -> (Gateway, Self) {
        Self::with(bytes, "", &["-O", "^extents,^64bit"])
    }

    /// The same on an ext4 with few inodes.
    pub fn with_few_inodes(bytes: u64) -> (Gateway, Self) {
        Self::with(bytes, "", &["-N", "64"])
    }

    fn with(bytes: u64, extra: &str, features: &[&str]) -> (Gateway, Self) {
        let mut disk = Self::hold();
        let gateway = Gateway::prepare_with(Program::gateway().run_by(&disk.runner()), extra);
        disk.mount_point = gateway.data_dir();
        fs::create_dir(&disk.mount_point).unwrap();
        disk.make(bytes, features);
        (gateway, disk)
    }

    /// The path of the data directory from outside the namespace.
    pub fn data_dir(&self) -> PathBuf {
        let within = self.mount_point.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(within)
    }

    pub fn free_bytes(&self) -> u64 {
        let filesystem = statvfs(self.data_dir()).unwrap();
        filesystem.f_bavail * filesystem.f_frsize
    }

    /// Writes a file that leaves at most this many bytes free, as far as possible.
    pub fn fill(&self, left: u64) {
        let path = self.data_dir().join(BALLAST);
        let mut ballast = File::options().create(true).append(true).open(path).unwrap();
        for block in BLOCKS {
            while self.free_bytes() >= left + block as u64 {
                match ballast.write_all(&vec![b'x'; block]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        ballast.sync_all().unwrap();
    }

    /// Makes empty files until no more can be made.
    pub fn use_up_inodes(&self) {
        fs::create_dir(self.data_dir().join(BALLAST)).unwrap();
        let made = |n| File::create(self.data_dir().join(BALLAST).join(format!("{n}")));
        let error = (0..).find_map(|n| made(n).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }

    pub fn free_inodes(&self) {
        fs::remove_dir_all(self.data_dir().join(BALLAST)).unwrap();
    }

    /// Whether the gateway holds its reserve.
    pub fn has_reserve(&self) -> bool {
        self.data_dir().join(RESERVE).exists()
    }

    pub fn has_whole_reserve(&self) -> bool {
        let reserve = fs::metadata(self.data_dir().join(RESERVE));
        reserve.is_ok_and(|reserve| reserve.blocks() * 512 >= RESERVE_BYTES)
    }

    /// Truncates the reserve as a power cut might.
    pub fn halve_reserve(&self) {
        let reserve = File::options().write(true).open(self.data_dir().join(RESERVE)).unwrap();
        reserve.set_len(RESERVE_BYTES / 2).unwrap();
    }

    /// Deletes the reserve, as somebody might who tidies up.
    pub fn drop_reserve(&self) {
        fs::remove_file(self.data_dir().join(RESERVE)).unwrap();
    }

    pub fn drop_ballast(&self) {
        fs::remove_file(self.data_dir().join(BALLAST)).unwrap();
    }

    /// Runs `stockgate doctor` in the namespace.
    pub fn doctor(&self) -> Finished {
        let mut command = Program::gateway().run_by(&self.runner()).command();
        run_to_end(command.arg("doctor").arg("--data-dir").arg(&self.mount_point))
    }

    /// A program that runs in the namespace.
    pub fn program(&self, file: &Path) -> Command {
        Program::at(file).run_by(&self.runner()).command()
    }

    /// Makes ext4 detect an error: from now on it is read-only, as after a fault of the flash.
    pub fn break_down(&self) {
        let source = self.run("findmnt", &["-n", "-o", "SOURCE"], &[&self.mount_point]);
        let device = source.stdout.trim().rsplit('/').next().unwrap();
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        fs::write(&trigger, "a test").unwrap_or_else(|error| {
            panic!("this test needs a kernel whose ext4 has {trigger}: {error}; source {source:?}")
        });
    }

    /// Remounts the filesystem with other options, such as `ro`.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        self.run("mount", &["-o", &options], &[&self.mount_point]);
    }

    /// Changes the attributes of a file, such as `+i`. Needs ext4 and root.
    pub fn change_attributes(&self, name: &str, change: &str) {
        self.run("chattr", &[change], &[&self.mount_point.join(name)]);
    }

    /// Freezes the filesystem until the returned value is dropped: writers wait, as for flash that
    /// does not answer.
    pub fn hang(&self) -> Hanging<'_> {
        self.run("fsfreeze", &["--freeze"], &[&self.mount_point]);
        Hanging(self)
    }

    /// Repairs the unused filesystem and mounts it again.
    pub fn repair(&self) {
        self.run("umount", &[], &[&self.mount_point]);
        let mut check = Command::new(tool("e2fsck"));
        let checked = run_to_end(check.arg("-fy").arg(self.image_file()));
        assert!(matches!(checked.code, Some(0 | 1)), "{checked:?}");
        self.mount_image();
    }

    fn hold() -> Self {
        let is_users = !is_root();
        let mut command = Command::new("unshare");
        command.arg(if is_users { "-Urm" } else { "-m" }).args(["sleep", HELD_S]);
        let holder = command.stdin(Stdio::null()).spawn().expect("`unshare` is installed");
        let (mount_point, image) = (PathBuf::new(), TempDir::new().unwrap());
        let mut disk = Self { holder, is_users, mount_point, image };
        disk.wait_until_held();
        disk
    }

    fn wait_until_held(&mut self) {
        let name = |of: &str| fs::read(format!("/proc/{of}/comm")).unwrap_or_default();
        until("a mount namespace of our own", || {
            let ended = self.holder.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "no mount namespace can be had here, neither as root nor by a user namespace; \
                 leave the tests of the disk out: {ended:?}"
            );
            name(&self.holder.id().to_string()) == b"sleep\n"
        });
    }

    /// The command that runs a program in the namespace.
    fn runner(&self) -> String {
        let pid = self.holder.id();
        let user = format!("--preserve-credentials --user=/proc/{pid}/ns/user ");
        let user = if self.is_users { &user } else { "" };
        format!("nsenter {user}--mount=/proc/{pid}/ns/mnt --")
    }

    fn make(&self, bytes: u64, features: &[&str]) {
        if self.is_users {
            let size = format!("size={bytes}");
            let options = ["-t", "tmpfs", "-o", &size, "tmpfs"];
            return drop(self.run("mount", &options, &[&self.mount_point]));
        }
        File::create(self.image_file()).unwrap().set_len(bytes).unwrap();
        let mut format = Command::new(tool("mkfs.ext4"));
        // No blocks reserved for root: the gateway under test is root.
        format.args(["-q", "-m", "0", "-b", "4096"]).args(features);
        let made = run_to_end(format.arg(self.image_file()));
        assert_eq!(made.code, Some(0), "{made:?}");
        self.mount_image();
    }

    fn mount_image(&self) {
        let options = ["-t", "ext4", "-o", "loop,errors=remount-ro"];
        self.run("mount", &options, &[&self.image_file(), &self.mount_point]);
    }

    fn image_file(&self) -> PathBuf {
        self.image.path().join("image")
    }

    fn run(&self, program: &str, options: &[&str], paths: &[&Path]) -> Finished {
        let mut command = self.program(&tool(program));
        let finished = run_to_end(command.args(options).args(paths));
        assert_eq!(finished.code, Some(0), "{command:?}: {finished:?}");
        finished
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The user of this process.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Administration programs are not always on the path.
fn tool(name: &str) -> PathBuf {
    let places =
        ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(|place| Path::new(place).join(name));
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| panic!("{name} is missing"))
}

/// A frozen disk.
pub struct Hanging<'a>(&'a SmallDisk);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.run("fsfreeze", &["--unfreeze"], &[&self.0.mount_point]);
    }
}
