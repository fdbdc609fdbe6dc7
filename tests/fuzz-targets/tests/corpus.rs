//! The committed corpus, replayed.

use std::fs;
use std::path::PathBuf;

use ringback_fuzz_targets::TARGETS;

#[test]
fn every_input_of_the_corpus_holds() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "no corpus for {name}");
        for (_, data) in &inputs {
            target(data);
        }
        println!("{name}: {} inputs", inputs.len());
    }
}

#[test]
fn every_prefix_of_an_input_holds() {
    for (name, target) in TARGETS {
        let mut replayed = 0;
        for (_, data) in inputs(name) {
            // A step of 7 meets every alignment within a field over a corpus.
            for length in (0..data.len()).step_by(7) {
                target(&data[..length]);
                replayed += 1;
            }
        }
        println!("{name}: {replayed} prefixes");
    }
}

#[test]
fn every_target_has_a_binary_for_the_fuzzer() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(fuzz().join(format!("fuzz_targets/{name}.rs")).exists(), "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(target);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("an input"))).collect()
}

fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}
