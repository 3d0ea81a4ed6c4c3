//! Multiplications by x86-64's `mulx`, `adcx` and `adox` (the extensions BMI2 and ADX).
//!
//! A product by rows `a b_i` is reduced row by row (Montgomery 1985; Koc, Acar and Kaliski 1996, "coarsely integrated operand
//! scanning"), with the quotient subtracted rather than added, which the modulus makes cheap: as `1 / p = 1 + 2^32 mod 2^64`, the
//! quotient's digit of a lowest limb t is `m = t + 2^32 t`, the lowest limb of `m p` is t itself and the next one has
//! `m - (m >> 32) - c` from it, c being the carry of that addition. So a row's reduction takes three multiplications, not five.
//!
//! Measured on Zen 3: a `mulx` costs a cycle and every four other instructions one more, whichever carries they use; a
//! multiplication has 28 and some 95 and takes 18 to 20 ns where arkworks' portable code takes 22.4 ns.
#![allow(unsafe_code)]

use super::processor::proof_of;
use super::wide::{P, sbb};
use std::arch::asm;

/// The modulus where the instructions can read it.
static MODULUS: [u64; 4] = P;

proof_of! {
    /// Proof that the processor has the extensions.
    Adx: "bmi2" "adx"
}

/// `t0..t4 = a b_0`, of the multiplier in `rdx`.
#[rustfmt::skip]
macro_rules! first_row {
    ($a0:literal $a1:literal $a2:literal $a3:literal) => {
        concat!(
            "mulx {t1}, {t0}, ", $a0, "\n",
            "mulx {t2}, {l}, ", $a1, "\n add {t1}, {l}\n",
            "mulx {t3}, {l}, ", $a2, "\n adc {t2}, {l}\n",
            "mulx {t4}, {l}, ", $a3, "\n adc {t3}, {l}\n adc {t4}, 0\n"
        )
    };
}

/// `t0..t4 += a b_i`, of the multiplier in `rdx`. Nothing is carried beyond t4; both carry flags must be clear.
#[rustfmt::skip]
macro_rules! row {
    ($t0:literal $t1:literal $t2:literal $t3:literal $t4:literal, $a0:literal $a1:literal $a2:literal $a3:literal) => {
        concat!(
            "mulx {h}, {l}, ", $a0, "\n adcx {", $t0, "}, {l}\n adox {", $t1, "}, {h}\n",
            "mulx {h}, {l}, ", $a1, "\n adcx {", $t1, "}, {l}\n adox {", $t2, "}, {h}\n",
            "mulx {h}, {l}, ", $a2, "\n adcx {", $t2, "}, {l}\n adox {", $t3, "}, {h}\n",
            "mulx {h}, {l}, ", $a3, "\n adcx {", $t3, "}, {l}\n adox {", $t4, "}, {h}\n",
            "mov {l:e}, 0\n adcx {", $t4, "}, {l}\n"
        )
    };
}

/// [`row`] with a in memory.
macro_rules! row_from_memory {
    ($t0:literal $t1:literal $t2:literal $t3:literal $t4:literal) => {
        row!($t0 $t1 $t2 $t3 $t4, "[{a}]" "[{a} + 8]" "[{a} + 16]" "[{a} + 24]")
    };
}

/// [`row`] with a in registers.
macro_rules! row_from_registers {
    ($t0:literal $t1:literal $t2:literal $t3:literal $t4:literal) => {
        row!($t0 $t1 $t2 $t3 $t4, "{a0}" "{a1}" "{a2}" "{a3}")
    };
}

/// `t1..t4 = (t0..t4 - m p) / 2^64` as a signed integer of 256 bits.
#[rustfmt::skip]
macro_rules! reduce_row {
    ($t0:literal $t1:literal $t2:literal $t3:literal $t4:literal) => {
        concat!(
            "mov rdx, {", $t0, "}\n shl rdx, 32\n add rdx, {", $t0, "}\n",
            "mov {", $t0, "}, rdx\n rorx {k}, rdx, 32\n mov {l:e}, {k:e}\n sbb {", $t0, "}, {l}\n",
            "mulx {h}, {l}, [rip + {p} + 8]\n add {", $t0, "}, {l}\n",
            "mulx {k}, {l}, [rip + {p} + 16]\n adc {h}, {l}\n",
            "mulx rdx, {l}, [rip + {p} + 24]\n adc {k}, {l}\n adc rdx, 0\n",
            "sub {", $t1, "}, {", $t0, "}\n sbb {", $t2, "}, {h}\n sbb {", $t3, "}, {k}\n sbb {", $t4, "}, rdx\n"
        )
    };
}

/// Makes `t0` the sign limb of an integer with the highest limb `t4` and clears both carry flags.
#[rustfmt::skip]
macro_rules! sign {
    ($t4:literal $t0:literal) => {
        concat!("mov {", $t0, "}, {", $t4, "}\n sar {", $t0, "}, 63\n xor {l:e}, {l:e}\n")
    };
}

/// Adds p to the signed integer `t0..t3` if it is negative.
#[rustfmt::skip]
macro_rules! add_p_if_negative {
    ($t0:literal $t1:literal $t2:literal $t3:literal) => {
        concat!(
            "mov {l}, {", $t3, "}\n sar {l}, 63\n",
            "mov {h}, [rip + {p}]\n and {h}, {l}\n mov {k}, [rip + {p} + 8]\n and {k}, {l}\n",
            "mov rdx, [rip + {p} + 16]\n and rdx, {l}\n and {l}, [rip + {p} + 24]\n",
            "add {", $t0, "}, {h}\n adc {", $t1, "}, {k}\n adc {", $t2, "}, rdx\n adc {", $t3, "}, {l}\n"
        )
    };
}

/// `a b / R mod p`.
#[inline(always)]
pub(super) fn mul(_: Adx, a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let [mut r0, mut r1, mut r2, mut r3] = [0u64; 4];
    // After every row the sum is above -p and below p + p / 2^64, so it has a sign in 256 bits; after the last one, where
    // b_3 < 2^63, it is above -p and below p, and p is added if it is negative.
    //
    // SAFETY: the processor has the extensions, as `Adx` proves; the code reads 32 bytes at a and b and writes no memory.
    unsafe {
        asm!(
            "mov rdx, [{b}]", first_row!("[{a}]" "[{a} + 8]" "[{a} + 16]" "[{a} + 24]"),
            reduce_row!("t0" "t1" "t2" "t3" "t4"),
            "mov rdx, [{b} + 8]", sign!("t4" "t0"),
            row_from_memory!("t1" "t2" "t3" "t4" "t0"), reduce_row!("t1" "t2" "t3" "t4" "t0"),
            "mov rdx, [{b} + 16]", sign!("t0" "t1"),
            row_from_memory!("t2" "t3" "t4" "t0" "t1"), reduce_row!("t2" "t3" "t4" "t0" "t1"),
            "mov rdx, [{b} + 24]", sign!("t1" "t2"),
            row_from_memory!("t3" "t4" "t0" "t1" "t2"), reduce_row!("t3" "t4" "t0" "t1" "t2"),
            add_p_if_negative!("t4" "t0" "t1" "t2"),
            a = in(reg) a.as_ptr(), b = in(reg) b.as_ptr(), p = sym MODULUS,
            t0 = out(reg) r1, t1 = out(reg) r2, t2 = out(reg) r3, t3 = out(reg) _, t4 = out(reg) r0,
            l = out(reg) _, h = out(reg) _, k = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// The eight limbs of `a b`, unreduced.
#[inline(always)]
pub(super) fn product(_: Adx, a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let [mut r0, mut r1, mut r2, mut r3, mut r4, mut r5, mut r6, mut r7] = [0u64; 8];
    // SAFETY: the processor has the extensions; the code reads 32 bytes at a and b and writes no memory.
    unsafe {
        asm!(
            "mov rdx, [{b}]", first_row!("[{a}]" "[{a} + 8]" "[{a} + 16]" "[{a} + 24]"),
            "mov rdx, [{b} + 8]", "xor {t5:e}, {t5:e}", row_from_memory!("t1" "t2" "t3" "t4" "t5"),
            "mov rdx, [{b} + 16]", "xor {t6:e}, {t6:e}", row_from_memory!("t2" "t3" "t4" "t5" "t6"),
            "mov rdx, [{b} + 24]", "xor {t7:e}, {t7:e}", row_from_memory!("t3" "t4" "t5" "t6" "t7"),
            a = in(reg) a.as_ptr(), b = in(reg) b.as_ptr(),
            t0 = out(reg) r0, t1 = out(reg) r1, t2 = out(reg) r2, t3 = out(reg) r3,
            t4 = out(reg) r4, t5 = out(reg) r5, t6 = out(reg) r6, t7 = out(reg) r7,
            l = out(reg) _, h = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3, r4, r5, r6, r7]
}

/// `t / R mod p` for an integer t of at most `2 (p - 1)^2`.
#[inline(always)]
pub(super) fn reduce_8(_: Adx, t: &[u64; 8]) -> [u64; 4] {
    let [mut r0, mut r1, mut r2, mut r3] = [t[0], t[1], t[2], t[3]];
    // The low half comes down to an integer above -p and at most 0. The high half is below p, so that the sum has a sign in
    // 256 bits.
    //
    // SAFETY: as in `mul`, but that the code reads nothing but the modulus.
    unsafe {
        asm!(
            "xor {t4:e}, {t4:e}", reduce_row!("t0" "t1" "t2" "t3" "t4"),
            sign!("t4" "t0"), reduce_row!("t1" "t2" "t3" "t4" "t0"),
            sign!("t0" "t1"), reduce_row!("t2" "t3" "t4" "t0" "t1"),
            sign!("t1" "t2"), reduce_row!("t3" "t4" "t0" "t1" "t2"),
            "add {t4}, {a0}", "adc {t0}, {a1}", "adc {t1}, {a2}", "adc {t2}, {a3}",
            add_p_if_negative!("t4" "t0" "t1" "t2"),
            a0 = in(reg) t[4], a1 = in(reg) t[5], a2 = in(reg) t[6], a3 = in(reg) t[7], p = sym MODULUS,
            t0 = inout(reg) r0 => r1, t1 = inout(reg) r1 => r2, t2 = inout(reg) r2 => r3, t3 = inout(reg) r3 => _,
            t4 = out(reg) r0, l = out(reg) _, h = out(reg) _, k = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// `a + (b - a) c / 2^128 mod p`.
#[inline(always)]
pub(super) fn interpolate(_: Adx, a: &[u64; 4], b: &[u64; 4], c: [u64; 2]) -> [u64; 4] {
    // Everything is modulo 2^384, where b - a may be negative: as an unsigned integer it is 2^256 too large then. The sum
    // 2^128 a + (b - a) c is between 2^128 a and 2^128 b, so that after both reductions it is above -p and below p.
    let mut borrow = false;
    let s0 = sbb(b[0], a[0], &mut borrow);
    let s1 = sbb(b[1], a[1], &mut borrow);
    let s2 = sbb(b[2], a[2], &mut borrow);
    let s3 = sbb(b[3], a[3], &mut borrow);
    let mask = u64::from(borrow).wrapping_neg();
    let mut borrow = false;
    let [mut r0, mut r1] = [a[0], a[1]];
    let mut r2 = sbb(a[2], c[0] & mask, &mut borrow);
    let mut r3 = sbb(a[3], c[1] & mask, &mut borrow);
    // SAFETY: as in `mul`, but that the code reads nothing but the modulus.
    unsafe {
        asm!(
            "xor {l:e}, {l:e}", "mulx {t1}, {t0}, {a0}",
            "mulx {h}, {l}, {a1}", "adcx {t1}, {l}", "adox {t2}, {h}",
            "mulx {h}, {l}, {a2}", "adcx {t2}, {l}", "adox {t3}, {h}",
            "mulx {h}, {l}, {a3}", "adcx {t3}, {l}", "adox {t4}, {h}",
            "mov {l:e}, 0", "adox {t5}, {l}", "adc {t4}, 0", "adc {t5}, 0",
            "movq rdx, {c1}", "xor {l:e}, {l:e}", row_from_registers!("t1" "t2" "t3" "t4" "t5"),
            reduce_row!("t0" "t1" "t2" "t3" "t4"), "sbb {t5}, 0",
            reduce_row!("t1" "t2" "t3" "t4" "t5"),
            add_p_if_negative!("t2" "t3" "t4" "t5"),
            a0 = in(reg) s0, a1 = in(reg) s1, a2 = in(reg) s2, a3 = in(reg) s3,
            c1 = in(xmm_reg) f64::from_bits(c[1]), inout("rdx") c[0] => _, p = sym MODULUS,
            t0 = out(reg) _, t1 = out(reg) _, t2 = inout(reg) r0, t3 = inout(reg) r1, t4 = inout(reg) r2, t5 = inout(reg) r3,
            l = out(reg) _, h = out(reg) _, k = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}
