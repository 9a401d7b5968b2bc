// GraphQL over WebSocket: both ends of npm's graphql-ws.
const { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } = require("graphql");
const { createClient, handleProtocols } = require("graphql-ws");
const { useServer } = require("graphql-ws/use/ws");
const { WebSocket, WebSocketServer } = require("ws");
const { next, play } = require("./role.cjs");

async function* numbers() {
  for (let count = 1; count <= 3; count++) yield { count };
}

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: "Query",
    fields: { hello: { type: GraphQLString, resolve: (_root, _args, { extra }) => `Grüße an ${extra.request.url}` } },
  }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: { count: { type: GraphQLInt, subscribe: numbers } },
  }),
});

play({
  async server() {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", path: "/graphql", handleProtocols });
    const onConnect = ({ connectionParams }) => connectionParams.secret === "open";
    useServer({ schema, onConnect, context: (context) => context }, server);
    await next(server, "listening");
    return server;
  },
  async client(port) {
    const url = `ws://127.0.0.1:${port}/graphql`;
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: { secret: "open" } });
    for await (const { data } of client.iterate({ query: "{ hello }" })) console.log(data.hello);
    for await (const { data } of client.iterate({ query: "subscription { count }" }))
      console.log(`count ${data.count}`);
    await client
      .iterate({ query: "{ nothing }" })
      .next()
      .catch(([error]) => console.log(error.message));
    await client.dispose();
    const closed = [];
    const other = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: { secret: "no" } });
    other.on("closed", ({ code, reason }) => closed.push(`${code} ${reason}`));
    await other
      .iterate({ query: "{ hello }" })
      .next()
      .catch((event) => console.log(`refused ${event.code}`));
    console.log(closed.join());
  },
});
