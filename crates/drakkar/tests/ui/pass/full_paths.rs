//! Nothing has to be imported: a handler in a module, all types by their full paths, and names shadowed around it.

mod deep {
    pub mod requests {
        #[derive(serde::Deserialize)]
        pub struct Request {
            pub id: u64,
        }
    }

    // What generated code must not be confused by.
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    mod std {}
    #[allow(dead_code)]
    type Result = ();
    #[allow(dead_code)]
    type String = ();

    #[derive(serde::Serialize)]
    pub struct Line {
        pub id: u64,
    }

    #[derive(drakkar::SinkOutputs)]
    pub struct Outputs {
        #[sink(filesystem = "lines", path = "{id}.jsonl")]
        pub lines: ::std::vec::Vec<Line>,
        #[sink(kafka = "lines", key = "id")]
        pub last: ::core::option::Option<self::Line>,
    }

    impl ::core::default::Default for Outputs {
        fn default() -> Self {
            Self { lines: ::std::vec::Vec::new(), last: ::core::option::Option::None }
        }
    }

    pub mod handlers {
        pub struct Deep;
    }

    #[drakkar::handler]
    impl self::handlers::Deep {
        async fn arrange(
            &self,
            window: drakkar::prelude::Window<'_, self::requests::Request>,
            _ctx: &drakkar::prelude::Context,
        ) -> drakkar::Result<::std::vec::Vec<drakkar::prelude::Task>> {
            ::core::result::Result::Ok(window.messages().map(drakkar::prelude::Task::for_message).collect())
        }

        async fn on_task_complete(
            &self,
            _done: &drakkar::prelude::TaskResult,
        ) -> ::core::result::Result<Outputs, drakkar::Error> {
            ::core::result::Result::Ok(::core::default::Default::default())
        }
    }
}

fn is_handler(_: impl drakkar::prelude::Handler<Input = deep::requests::Request>) {}

fn main() {
    is_handler(deep::handlers::Deep);
}
