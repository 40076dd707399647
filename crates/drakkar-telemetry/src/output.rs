//! Where log lines go: standard error, standard output, or a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
};

use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt};

use crate::{Error, Identity};

/// Opens the output. Also tells whether a person looks at it.
pub(crate) fn open(output: &str, identity: &Identity) -> Result<(BoxMakeWriter, bool), Error> {
    match output {
        "stderr" => Ok((BoxMakeWriter::new(io::stderr), io::stderr().is_terminal())),
        "stdout" => Ok((BoxMakeWriter::new(io::stdout), io::stdout().is_terminal())),
        path => {
            let path = PathBuf::from(expand(path, identity)?);
            let open = || {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                OpenOptions::new().create(true).append(true).open(&path)
            };
            let file = open().map_err(|source| Error::Open { path: path.clone(), source })?;
            Ok((BoxMakeWriter::new(Appender(Arc::new(file)).with_max_level(tracing::Level::TRACE)), false))
        }
    }
}

/// Writes each line with one call to a file opened for append: lines of several threads do not mix.
#[derive(Clone)]
struct Appender(Arc<File>);

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Appender {
    type Writer = Appender;

    fn make_writer(&'a self) -> Appender {
        self.clone()
    }
}

impl Write for Appender {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.0).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

fn expand(template: &str, identity: &Identity) -> Result<String, Error> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        if rest[at..].starts_with('}') {
            return Err(Error::Brace);
        }
        let end = rest[at..].find('}').ok_or(Error::Brace)? + at;
        let value = match &rest[at + 1..end] {
            "worker_id" => &identity.worker,
            "cluster_name" => &identity.cluster,
            name => return Err(Error::Placeholder { name: name.to_owned() }),
        };
        // A name must not lead out of the folder.
        out.extend(value.chars().map(|c| if c == '/' || c == '\0' { '_' } else { c }));
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { worker: "../w1".into(), cluster: "c".into(), group: String::new() }
    }

    #[test]
    fn names_are_filled_in_and_cannot_leave_the_folder() {
        assert_eq!(expand("/l/{cluster_name}-{worker_id}.log", &identity()).unwrap(), "/l/c-.._w1.log");
    }

    #[test]
    fn unknown_placeholders_and_stray_braces_are_errors() {
        assert!(matches!(expand("{pid}", &identity()), Err(Error::Placeholder { name }) if name == "pid"));
        assert!(matches!(expand("a}", &identity()), Err(Error::Brace)));
        assert!(matches!(expand("{a", &identity()), Err(Error::Brace)));
    }
}
