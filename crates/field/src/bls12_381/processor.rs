//! What the processor has, asked once.

/// A type whose values prove that the processor has some extensions.
macro_rules! proof_of {
    ($(#[$doc:meta])* $name:ident: $($extension:tt)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name(());

        impl $name {
            /// `None` if the processor lacks an extension. One comparison after the first call.
            #[inline(always)]
            pub(super) fn detect() -> Option<Self> {
                use std::sync::atomic::{AtomicU8, Ordering};

                const ABSENT: u8 = 1;
                const PRESENT: u8 = 2;
                static STATE: AtomicU8 = AtomicU8::new(0);

                #[cold]
                fn ask_processor() -> u8 {
                    let is_present = $(std::is_x86_feature_detected!($extension))&&+;
                    let state = if is_present { PRESENT } else { ABSENT };
                    STATE.store(state, Ordering::Relaxed);
                    state
                }

                #[cfg(test)]
                if $crate::bls12_381::paths::is_hidden(stringify!($name)) {
                    return None;
                }
                let known = STATE.load(Ordering::Relaxed);
                let state = if known == 0 { ask_processor() } else { known };
                (state == PRESENT).then_some(Self(()))
            }
        }
    };
}

pub(super) use proof_of;
