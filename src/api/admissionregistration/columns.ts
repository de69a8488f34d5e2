/** admissionregistration.k8s.io: columns. */
import type {
  LabelSelector,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../generated/types.ts';
import { type CellRule, age, columns, count, field, name } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

const webhooks = defineStrategy({ cells: columns({ Name: name, Webhooks: count('webhooks'), Age: age }) });
export const mutatingWebhookConfiguration = webhooks;
export const validatingWebhookConfiguration = webhooks;

const paramKind: CellRule<ValidatingAdmissionPolicy | MutatingAdmissionPolicy> = ({ spec }) =>
  spec.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : '<unset>';

/** The selector as the API server's debug text has it. */
function selectorDump({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels).sort();
  const labelText = labels.map((key) => `${key}: ${matchLabels[key]},`).join('');
  const expressions = matchExpressions
    .map(
      (e) => `LabelSelectorRequirement{Key:${e.key},Operator:${e.operator},Values:[${(e.values ?? []).join(' ')}],},`,
    )
    .join('');
  return `&LabelSelector{MatchLabels:map[string]string{${labelText}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`;
}

const paramRef: CellRule<ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding> = ({ spec }) => {
  const reference = spec.paramRef;
  // Whether the parameter has a namespace cannot be told from here: `*` stands for any.
  if (reference?.name) return `${reference.namespace || '*'}/${reference.name}`;
  return reference?.selector ? selectorDump(reference.selector) : '<unset>';
};

export const validatingAdmissionPolicy = defineStrategy<ValidatingAdmissionPolicy>({
  cells: columns<ValidatingAdmissionPolicy>({
    Name: name,
    Validations: count('spec.validations'),
    ParamKind: paramKind,
    Age: age,
  }),
});

export const mutatingAdmissionPolicy = defineStrategy<MutatingAdmissionPolicy>({
  cells: columns<MutatingAdmissionPolicy>({
    Name: name,
    Mutations: count('spec.mutations'),
    ParamKind: paramKind,
    Age: age,
  }),
});

const bindingColumns = { Name: name, PolicyName: field('spec.policyName'), ParamRef: paramRef, Age: age };
export const validatingAdmissionPolicyBinding = defineStrategy<ValidatingAdmissionPolicyBinding>({
  cells: columns<ValidatingAdmissionPolicyBinding>(bindingColumns),
});
export const mutatingAdmissionPolicyBinding = defineStrategy<MutatingAdmissionPolicyBinding>({
  cells: columns<MutatingAdmissionPolicyBinding>(bindingColumns),
});
