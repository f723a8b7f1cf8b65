use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use tempfile::TempDir;

/// The folder with the description and what is generated from it.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")
}

fn descriptors(with_comments: bool) -> tonic_prost_build::FileDescriptorSet {
    let mut compiler = protox::Compiler::new([folder()]).unwrap();
    compiler.include_source_info(with_comments).include_imports(true);
    compiler.open_file("stockgate/v1/inventory.proto").unwrap();
    compiler.file_descriptor_set()
}

/// Writes the code and the description into a folder.
fn generate(to: &Path) {
    let generator = tonic_prost_build::configure().build_transport(false).out_dir(to);
    generator.compile_fds(descriptors(true)).unwrap();
    fs::write(to.join("stockgate.v1.binpb"), descriptors(false).encode_to_vec()).unwrap();
}

#[test]
fn the_generated_code_is_that_of_the_description() {
    if std::env::var_os("STOCKGATE_WRITE_PROTO").is_some() {
        generate(&folder());
        return;
    }
    let fresh = TempDir::new().unwrap();
    generate(fresh.path());
    for name in ["stockgate.v1.rs", "stockgate.v1.binpb"] {
        let [kept, new] = [folder(), fresh.path().to_owned()].map(|at| fs::read(at.join(name)));
        let is_same = kept.unwrap() == new.unwrap();
        assert!(is_same, "{name}: STOCKGATE_WRITE_PROTO=1 cargo test --lib generated_code");
    }
}
