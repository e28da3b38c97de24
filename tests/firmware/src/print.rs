//! Text without `core::fmt`.

/// Something that shows text.
pub trait Print {
    /// Shows text.
    fn print(&mut self, text: &str);

    /// Shows `name: number` and ends the line.
    fn line(&mut self, name: &str, number: u64) {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(digits.len() - used..).unwrap_or_default();
        self.print(name);
        self.print(": ");
        self.print(str::from_utf8(digits).unwrap_or_default());
        self.print("\n");
    }
}
