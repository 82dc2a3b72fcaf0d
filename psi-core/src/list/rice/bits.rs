//! Bits of a byte stream, most significant first, many at a time.
//!
//! Only the codec calls this. The reader takes bytes cut anywhere and holds fewer than 16 of them.

/// Appends bits to bytes; holds back fewer than eight after [`Self::flush_bytes`].
#[derive(Default)]
pub(super) struct BitWriter {
    /// The bits held back, from the top.
    kept: u64,
    /// The number of these bits, at most 63.
    used: u32,
}

impl BitWriter {
    /// Appends the lowest `bits` bits of `value`, at most 64 of them.
    pub(super) fn put(&mut self, value: u64, bits: u32, out: &mut Vec<u8>) {
        if bits == 0 {
            return;
        }
        // From the top, so that bits above those wanted fall away.
        let value = value << (u64::BITS - bits);
        self.kept |= value >> self.used;
        let room = u64::BITS - self.used;
        if bits < room {
            self.used += bits;
            return;
        }
        out.extend_from_slice(&self.kept.to_be_bytes());
        self.kept = value.checked_shl(room).unwrap_or(0);
        self.used = bits - room;
    }

    /// Appends `zeros` zeros and a one.
    pub(super) fn unary(&mut self, zeros: u64, out: &mut Vec<u8>) {
        let mut zeros = zeros;
        while zeros >= u64::from(u64::BITS) {
            self.put(0, u64::BITS, out);
            zeros -= u64::from(u64::BITS);
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than 64")]
        self.put(1, zeros as u32 + 1, out);
    }

    /// Appends the bytes that are complete.
    pub(super) fn flush_bytes(&mut self, out: &mut Vec<u8>) {
        let bytes = self.used / 8;
        out.extend(self.kept.to_be_bytes().iter().take(bytes as usize));
        // INVARIANT: used <= 63, so at most seven bytes are complete.
        self.kept <<= 8 * bytes;
        self.used -= 8 * bytes;
    }

    /// Ends the stream, and fills the last byte with zeros.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        self.flush_bytes(out);
        if self.used > 0 {
            out.extend(self.kept.to_be_bytes().first());
        }
    }
}

/// Takes bits from bytes that come in pieces.
#[derive(Default)]
pub(super) struct BitReader {
    /// The bits not taken yet, from the top; all bits below them are zero.
    kept: u128,
    /// The number of these bits.
    len: u32,
}

impl BitReader {
    /// Takes bytes from the front of `input` until more than 64 bits are here or it is empty.
    pub(super) fn refill(&mut self, input: &mut &[u8]) {
        if self.len > u64::BITS {
            return;
        }
        if let Some((word, rest)) = input.split_first_chunk::<8>() {
            let word = u128::from(u64::from_be_bytes(*word)) << 64;
            self.kept |= word >> self.len;
            self.len += u64::BITS;
            *input = rest;
            return;
        }
        // Fewer than eight bytes remain: with at most 64 bits here, all of them fit.
        for byte in *input {
            self.kept |= (u128::from(*byte) << 120) >> self.len;
            self.len += u8::BITS;
        }
        *input = &[];
    }

    /// Takes zeros up to the next one, and that one too. Returns how many zeros, and whether a one
    /// followed.
    pub(super) const fn take_zeros(&mut self) -> (u64, bool) {
        let zeros = self.kept.leading_zeros();
        if zeros >= self.len {
            let all = self.len as u64;
            (self.kept, self.len) = (0, 0);
            return (all, false);
        }
        // In two steps: the one may be the lowest bit of all.
        self.kept = self.kept << zeros << 1;
        self.len -= zeros + 1;
        (zeros as u64, true)
    }

    /// Takes `bits` bits, 1 to 64; `None` if fewer are here.
    pub(super) const fn take(&mut self, bits: u32) -> Option<u64> {
        if bits > self.len {
            return None;
        }
        let top = (self.kept >> 64) as u64;
        self.kept <<= bits;
        self.len -= bits;
        Some(top >> (u64::BITS - bits))
    }

    /// The number of bytes here from which no bit was taken.
    pub(super) const fn whole_bytes(&self) -> u32 {
        self.len / u8::BITS
    }

    /// Whether any bit here is a one.
    pub(super) const fn has_ones(&self) -> bool {
        self.kept != 0
    }
}
