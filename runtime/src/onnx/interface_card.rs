//! What a card says of a file's inputs and output, and what a person says of them.

use alloc::string::ToString as _;

use dreamlet_onnx::{Interface, Layout};

use crate::card::{CardError, InterfaceCard};

impl InterfaceCard {
    /// As the reader of ONNX files takes it.
    ///
    /// # Errors
    /// [`CardError::Interface`] for words that mean nothing.
    pub fn interface(&self) -> Result<Interface, CardError> {
        let word = |found: alloc::string::String| CardError::Interface { found };
        let inputs = self.inputs.iter().map(|(name, kind)| {
            let kind = kind.parse().map_err(word)?;
            Ok((name.clone(), kind))
        });
        let layout = match self.layout.as_deref() {
            None => None,
            Some("chw") => Some(Layout::Chw),
            Some("hwc") => Some(Layout::Hwc),
            Some(other) => return Err(word(alloc::format!("\"{other}\" is not chw or hwc"))),
        };
        Ok(Interface {
            inputs: inputs.collect::<Result<_, _>>()?,
            output: self.output.clone(),
            layout,
            background: self.background,
            ..Interface::default()
        })
    }
}

impl From<&Interface> for InterfaceCard {
    fn from(said: &Interface) -> Self {
        let inputs = said.inputs.iter();
        Self {
            inputs: inputs
                .map(|(name, kind)| (name.clone(), kind.to_string()))
                .collect(),
            output: said.output.clone(),
            layout: said.layout.map(|layout| match layout {
                Layout::Chw => "chw".into(),
                Layout::Hwc => "hwc".into(),
            }),
            background: said.background,
        }
    }
}
