const referencePattern =
  /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z0-9]+:[0-9a-fA-F]{32,})?$/;

export const isImageName = (name: string): boolean => name.length < 512 && referencePattern.test(name);

/** Docker's own registry, when none is named. */
export const defaultRegistry = 'docker.io';

/** The repository that an image's name means, with its registry, without tag and digest: what credentials are for. */
export function repositoryOf(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const [first = '', ...rest] = name.split('/');
  const namesRegistry = rest.length > 0 && (/[.:]|^localhost$/.test(first) || first !== first.toLowerCase());
  if (namesRegistry && first !== 'index.docker.io' && first !== defaultRegistry) return name;
  const path = namesRegistry ? rest.join('/') : name;
  return `${defaultRegistry}/${path.includes('/') ? path : `library/${path}`}`;
}
