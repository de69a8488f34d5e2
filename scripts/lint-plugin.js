/** Rules of the house that oxlint has no word for. JavaScript, because oxlint loads it without a loader. */
const noBareDate = {
  create: (context) => ({
    NewExpression(node) {
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0)
        context.report({ node, message: 'Time comes in as an argument: take a Clock, and `new Date(clock.now())`.' });
    },
  }),
};

export default { meta: { name: 'house' }, rules: { 'no-bare-date': noBareDate } };
