use convince_benches::pool;
use convince_field::Fr;
use convince_gkr::lookup;
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use std::time::Instant;
fn cpu() -> f64 {
    let mut total = 0u64;
    for t in std::fs::read_dir("/proc/self/task").unwrap() {
        let s = std::fs::read_to_string(t.unwrap().path().join("schedstat")).unwrap();
        total += s.split_whitespace().next().unwrap().parse::<u64>().unwrap();
    }
    total as f64 * 1e-9
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let name = args.get(1).map(String::as_str).unwrap_or("vgg16");
    let threads: usize = args.get(2).map(|s| s.parse().unwrap()).unwrap_or(1);
    let runs: usize = args.get(3).map(|s| s.parse().unwrap()).unwrap_or(5);
    let arch = convince_zoo::find(name).unwrap();
    let model = arch.quantized(if arch.is_trained() { None } else { Some(1) }).unwrap();
    let lowered = convince_lower::lower(&model.graph).unwrap();
    let n: usize = model.graph.input_shape.iter().product();
    let input: Vec<i32> = (0..n).map(|i| model.graph.input_bits.low() as i32 + (i as i32 * 7919 % 251) % (1 << (model.graph.input_bits.width.min(7)))).collect();
    let witness = lowered.witness(&input).unwrap();
    let circuit = &lowered.circuit;
    let leaves = circuit.statistics().leaves;
    println!("{name}: {leaves} leaves, log {}, tables {:?}, limb bits {}", circuit.log_leaves(), circuit.tables().iter().map(|t| t.content.len()).collect::<Vec<_>>(), circuit.limb_bits());
    if args.get(4).is_some() { for b in circuit.blocks() { print!("{:?}:{} ", b.source, b.log_size); } println!(); }
    pool(threads).install(|| {
        let mut best = f64::MAX; let mut best_cpu = f64::MAX;
        for _ in 0..runs {
            let t = Instant::now(); let c = cpu();
            let mut prover = PlainProver::<Fr>::new(Transcript::new("bench"));
            let _ = lookup::prove(circuit, &witness, &mut prover);
            let proof = prover.finish();
            best = best.min(t.elapsed().as_secs_f64()); best_cpu = best_cpu.min(cpu() - c);
            let mut v = PlainVerifier::<Fr>::new(Transcript::new("bench"), &proof);
            let _ = lookup::verify(circuit, &mut v).unwrap();
        }
        println!("  {threads} threads: best {:.2} ms, {:.1} ns a leaf; cpu {:.2} ms, {:.1} ns a leaf", best * 1e3, best * 1e9 / leaves as f64, best_cpu * 1e3, best_cpu * 1e9 / leaves as f64);
    });
}
