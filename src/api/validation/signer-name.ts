import { quoted } from '../meta/field-error.ts';
import { dns1123Label, dns1123Subdomain, type NameFormat } from '../meta/name-format.ts';
import { type FieldError, invalidValue, required, tooLong } from './check.ts';

const longestDomain = 253;
/** A namespace and a name, with the dot between them. */
const longestPath = 253 + 63 + 1;

/** The name of a signer: `example.com/signer-name`. */
export function signerName(path: string, name: string | undefined): FieldError[] {
  if (!name) return [required(path)];
  const segments = name.split('/');
  const [domain = '', own = ''] = segments;
  if (segments.length !== 2)
    return [
      invalidValue(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ];
  const errors = domain.length > longestDomain ? [tooLong(path, longestDomain)] : [];
  const labels = domain.split('.');
  errors.push(...firstWrong(path, domain, labels, dns1123Label));
  if (labels.length < 2)
    errors.push(invalidValue(path, domain, 'should be a domain with at least two segments separated by dots'));
  errors.push(...firstWrong(path, own, own.split('.'), dns1123Subdomain));
  const longest = longestDomain + longestPath + 1;
  return name.length > longest ? [...errors, tooLong(path, longest)] : errors;
}

/** Errors of the first label that is not well formed; further ones would only confuse. */
function firstWrong(path: string, segment: string, labels: string[], format: NameFormat): FieldError[] {
  const wrong = labels.find((label) => format(label).length > 0);
  if (wrong === undefined) return [];
  return format(wrong).map((text) => invalidValue(path, segment, `validating label ${quoted(wrong)}: ${text}`));
}

/** What is wrong with the name of a trust bundle: one of a signer begins with the signer's name. */
export function bundleName(
  name: string,
  signer = name.slice(0, Math.max(name.lastIndexOf(':'), 0)).replaceAll(':', '/'),
): string[] {
  if (!signer) {
    if (name.includes(':')) return ['ClusterTrustBundle without signer name must not have ":" in its name'];
    return dns1123Subdomain(name);
  }
  const prefix = `${signer.replaceAll('/', ':')}:`;
  if (!name.startsWith(prefix))
    return [`ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`];
  return dns1123Subdomain(name.slice(prefix.length));
}
