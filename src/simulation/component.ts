/** A part of the control plane that can be restarted alone. */
export type Component = 'apiserver' | 'controllers' | 'scheduler';
